import type { RigFile } from '#provisioning/rig/rig-file.ts';
import { SKERRY } from '#shared/called.ts';

export interface SiteFacts {
  /** The rig's folder, as the reader would write it. */
  dir: string;
  /** How long it took to come up. */
  seconds?: number;
  accelerator?: string;
  /** Names of guests by host. */
  guests?: ReadonlyMap<string, readonly string[]>;
}

/** What a person needs to use the rig: where to connect, as whom, and what to type first. */
export function siteText(rig: RigFile, facts: SiteFacts): string {
  const took = facts.seconds === undefined ? '' : ` after ${facts.seconds.toFixed(1)} s`;
  const { host, port, directTlsPort, websocketUrl } = rig.xmpp;
  const dirOption = facts.dir === '.skerry' ? '' : ` --dir ${facts.dir}`;
  return [
    '',
    `The rig is up${took}: ejabberd, ${rig.hosts.map(({ name }) => name).join(', ')}, an agent on each.`,
    ...(facts.accelerator === undefined ? [] : [facts.accelerator]),
    '',
    `  domain       ${rig.domain}`,
    `  connect to   ${host} port ${port} (STARTTLS) or ${directTlsPort} (direct TLS), ${websocketUrl}`,
    `  authority    ${rig.ca}`,
    ...listed(
      'people',
      rig.accounts.map(({ jid, password }) => [jid, password] as const),
    ),
    ...listed(
      'hosts',
      rig.hosts.map(({ name, jid }) => [jid, facts.guests?.get(name)?.join(', ') ?? ''] as const),
    ),
    '',
    'In another terminal:',
    ...['guest list', 'chain status grid', 'guest info venti', 'console venti', 'help guest start'].map(
      (words) => `  ${SKERRY}${dirOption} ${words}`,
    ),
    `In any XMPP client, write to a guest: \`start\`, \`info\`, \`help\`. Events are told in ${rig.room}.`,
    '',
  ].join('\n');
}

function listed(title: string, rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([first]) => first.length));
  return rows.map(([first, second], index) =>
    `  ${(index === 0 ? title : '').padEnd(11)}  ${first.padEnd(width)}  ${second}`.trimEnd(),
  );
}
