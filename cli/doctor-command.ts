import { join, resolve } from 'node:path';
import { wayOf } from '#provisioning/doctor/account.ts';
import { examineMachine } from '#provisioning/doctor/examine.ts';
import { groundAt } from '#provisioning/systemd/ground.ts';
import { SKERRY } from '#shared/called.ts';
import { ok, wrong } from '#shared/doctor/findings.ts';
import { messageOf } from '#shared/errors.ts';
import type { Finding, Host } from '#shared/model/host.ts';
import { rowOf } from '#shared/verb/verb.ts';
import { centralVerbs } from '#shared/verbs/central.ts';
import { connect } from '#shared/xmpp/connect.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { ask } from './asking.ts';
import { EXIT } from './failing.ts';
import { optionsOf, ROOT } from './rig-options.ts';
import { configFor, fromConfig, type Site } from './site.ts';

export const DOCTOR_USAGE = `${SKERRY} doctor [--machine] [--root FOLDER] [--config SITE.YAML] [--all] [--json]`;
const FLAGS = {
  machine: { type: 'boolean' },
  root: { type: 'string', default: '/' },
  config: { type: 'string' },
  all: { type: 'boolean' },
  json: { type: 'boolean' },
} as const;

/** Check this machine by its roles, and the site where it is known here; nothing is changed. @returns exit code: 1 where something is wrong */
export async function doctor(argv: string[]): Promise<number> {
  const options = optionsOf(argv, FLAGS, DOCTOR_USAGE);
  const ground = groundAt(options.root);
  const rig = join(resolve(ROOT, '.skerry'), 'rig.json');
  const config = options.machine || !ground.isThisMachine ? undefined : configFor({ ...options }, rig);
  const findings = [
    ...(await examineMachine(ground)),
    ...(config === undefined ? [] : await examineSite(config).then((found) => found.map(ofSite))),
  ];
  if (options.json) console.log(JSON.stringify(findings));
  else console.log(textOf(findings, options.all ?? false));
  return findings.some(({ verdict }) => verdict === 'wrong') ? EXIT.failed : EXIT.done;
}

const ofSite = (finding: Finding): Finding => ({ ...finding, check: `site: ${finding.check}` });

/** As a person of the site sees it: the way to the server, what that can, central, and each host by its own agent. */
async function examineSite(config: string): Promise<Finding[]> {
  let site: Site;
  try {
    site = await fromConfig(config);
  } catch (error) {
    return [wrong(config, messageOf(error), 'docs/install.md says what stands in it')];
  }
  const way = await wayOf(site, `an administrator gives ${site.jid} a new password`);
  const isIn = way.some(({ check, verdict }) => check === 'login' && verdict === 'ok');
  if (!isIn || site.central === undefined) return way;
  const entity = await connect(site);
  try {
    return [...way, ...(await centralFindings(entity, site.central))];
  } finally {
    await entity.stop();
  }
}

async function centralFindings(entity: Entity, jid: string): Promise<Finding[]> {
  const central = { name: 'central', jid };
  const asked = async (verb: string, args: object): Promise<unknown> => {
    const row = rowOf(centralVerbs, verb);
    if (row === undefined) throw new Error(`no verb ${verb}`);
    return (await ask(entity, central, verb, row, args, { tries: 1 })).value;
  };
  let hosts: Host[];
  try {
    hosts = (await asked('host.list', {})) as Host[];
  } catch (error) {
    return [wrong('central', messageOf(error), 'systemctl start skerry-central, on the machine of the server')];
  }
  const each = hosts.map(async ({ name, state, since }): Promise<Finding[]> => {
    const mend = `see that the machine is up, and there: ${SKERRY} doctor`;
    if (state === 'unreachable') return [wrong(name, `not heard since ${since ?? 'it joined'}`, mend)];
    const found = (await asked('host.doctor', { host: name }).catch((error) => [
      wrong('doctor', messageOf(error), mend),
    ])) as Finding[];
    return found.map((finding) => ({ ...finding, check: `${name}: ${finding.check}` }));
  });
  return [ok('central', `it knows ${hosts.length} hosts`), ...(await Promise.all(each)).flat()];
}

/** What is wrong first, with how to mend it. */
function textOf(findings: readonly Finding[], isAll: boolean): string {
  const of = (verdict: Finding['verdict']): string[] =>
    findings
      .filter((finding) => finding.verdict === verdict)
      .map(({ check, found, mend }) => `${verdict}: ${check}: ${found}${mend === undefined ? '' : `\n    ${mend}`}`);
  const good = of('ok');
  return [
    ...of('wrong'),
    ...of('warning'),
    ...(isAll ? good : []),
    `${good.length} of ${findings.length} checks are well`,
  ].join('\n');
}
