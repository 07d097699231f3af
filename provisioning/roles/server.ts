import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { Failure } from '#shared/errors.ts';
import { ejabberdConfig } from '../ejabberd/config.ts';
import { ensureCertificates, staleCertificates } from '../pki/certificates.ts';
import { absent, backup, block, type Change, file, folder, restored } from '../systemd/changes.ts';
import type { Ground } from '../systemd/ground.ts';
import { enabled, goingOn, group, packages, running, withStopped } from '../systemd/system-changes.ts';
import { SERVER_PACKAGES } from './packages.ts';
import { API_FOLDER, API_GROUP, API_SOCKET, CA_FILE, COMPONENT, PKI, SERVER_WISH, SITE_SERVER } from './places.ts';

const UNIT = 'ejabberd.service';
const EPMD_UNITS = ['epmd.socket', 'epmd.service'];
const CONFIG = '/etc/ejabberd/ejabberd.yml';
const BEFORE = `${CONFIG}.before-skerry`;
const DEFAULTS = '/etc/default/ejabberd';
const EPMD = '/etc/systemd/system/epmd.socket.d/skerry.conf';
const UNIT_MORE = '/etc/systemd/system/ejabberd.service.d/skerry.conf';
const USERS = '/etc/sysusers.d/skerry-server.conf';
/** Its own copy: what confines it may keep it from other folders. */
const OWN_CA_FILE = '/etc/ejabberd/skerry-ca.pem';
const CERTIFICATE = '/etc/ejabberd/skerry.pem';

/** Erlang's own ports: nobody outside needs them, and who reaches them is asked for no more than a cookie. */
const DEFAULTS_TEXT = 'INET_DIST_INTERFACE=127.0.0.1\nERL_DIST_PORT=5210\n';
const EPMD_TEXT = '[Socket]\nListenStream=\nListenStream=127.0.0.1:4369\n';
const API_FOLDER_OWNED = { mode: 0o750, owner: 'ejabberd', group: API_GROUP };
/**
 * A socket that a killed ejabberd left behind would keep the next one from listening. The new one is ejabberd's alone until it is given
 * to the group, by root.
 */
const UNIT_TEXT = `[Service]
ExecStartPre=/bin/rm -f ${API_SOCKET}
ExecStartPost=+/bin/chgrp ${API_GROUP} ${API_SOCKET}
ExecStartPost=+/bin/chmod 0770 ${API_SOCKET}
`;

export const ServerWish = z.strictObject({
  domain: z.hostname(),
  /** By which it is reached, besides the domain's own; the first is what clients are told for uploads. */
  names: z.array(z.string()).default([]),
  /** Addresses to listen on for clients. */
  listen: z.array(z.string()).default(['::']),
  /** Certificate and key of the site's own, in one file, in place of one that is made here. */
  certificate: z.string().optional(),
});
export type ServerWish = z.infer<typeof ServerWish>;

/** Where what is on the server's own machine dials it: not every server listens at 127.0.0.1. */
export const nearAddress = ({ listen }: Pick<ServerWish, 'listen'>): string =>
  listen.some((ip) => ['::', '0.0.0.0', '127.0.0.1'].includes(ip)) ? '127.0.0.1' : (listen[0] ?? '127.0.0.1');

/** What it was told last time; what is told now goes before it. @throws Failure config-invalid, bad-argument */
export async function serverWish(ground: Ground, told: Partial<ServerWish>): Promise<ServerWish> {
  const known = await readFile(ground.at(SERVER_WISH), 'utf8').then(parse, () => ({}));
  const { data, error } = ServerWish.safeParse({ ...known, ...told });
  if (data) return data;
  if (told.domain === undefined && known?.domain === undefined)
    throw new Failure('bad-argument', { field: 'command line', problem: '--domain DOMAIN is needed the first time' });
  throw new Failure('config-invalid', { file: SERVER_WISH, problem: z.prettifyError(error) });
}

/** @throws Failure config-invalid, bad-argument */
export async function serverChanges(ground: Ground, wish: ServerWish): Promise<Change[]> {
  const certificate = wish.certificate ?? CERTIFICATE;
  const owned = { mode: 0o600, owner: 'ejabberd' };
  const read = (name: string) => () => readFile(ground.at(`${PKI}/${name}`), 'utf8').catch(() => undefined);
  const ownCertificate = [
    certificates(ground, wish),
    // With the authority behind it, by whose digest a new host knows the site: see enrol/authority.ts.
    file(ground, CERTIFICATE, async () => joined(await read('server.pem')(), await read('ca.pem')()), owned),
    file(ground, OWN_CA_FILE, read('ca.pem'), { mode: 0o644 }),
    // For agents and people, to trust.
    file(ground, CA_FILE, read('ca.pem'), { mode: 0o644 }),
  ];
  // What is wrong in it is said before anything is changed.
  configOf(wish, certificate, 'a secret that is not known yet');
  return [
    packages(ground, SERVER_PACKAGES),
    folder(ground, '/etc/skerry', { mode: 0o755 }),
    file(ground, SERVER_WISH, `${SITE_SERVER}${stringify(wish)}`, { mode: 0o644 }),
    ...(wish.certificate === undefined ? ownCertificate : []),
    file(ground, COMPONENT, secretText(wish.domain), { mode: 0o600 }, 'keep'),
    file(ground, USERS, `g ${API_GROUP} -\n`, { mode: 0o644 }),
    group(ground, API_GROUP, USERS),
    folder(ground, API_FOLDER, API_FOLDER_OWNED),
    folder(ground, '/var/lib/ejabberd/upload', { mode: 0o700, owner: 'ejabberd' }),
    backup(ground, CONFIG, BEFORE, 0o600),
    file(ground, CONFIG, async () => configWith(await secretIn(ground), wish, certificate), owned),
    // What stops it asks at the port of Erlang that stands there.
    withStopped(ground, UNIT, block(ground, DEFAULTS, DEFAULTS_TEXT)),
    file(ground, EPMD, EPMD_TEXT, { mode: 0o644 }),
    file(ground, UNIT_MORE, UNIT_TEXT, { mode: 0o644 }),
    enabled(ground, UNIT),
    running(ground, UNIT, [CONFIG, certificate, DEFAULTS, EPMD, UNIT_MORE], EPMD_UNITS),
  ];
}

/** Back to what was before. The server goes on with that. */
export const serverRemoval = (ground: Ground): Change[] => [
  restored(ground, CONFIG, BEFORE),
  withStopped(ground, UNIT, block(ground, DEFAULTS, '')),
  ...[EPMD, UNIT_MORE, USERS, CERTIFICATE, OWN_CA_FILE].map((path) => absent(ground, path)),
  goingOn(ground, UNIT, [CONFIG, DEFAULTS, EPMD, UNIT_MORE], EPMD_UNITS),
];

export const serverPurge = (ground: Ground): Change[] =>
  [PKI, COMPONENT, SERVER_WISH, CA_FILE, API_FOLDER].map((path) => absent(ground, path));

const joined = (certificate?: string, authority?: string): string | undefined =>
  certificate === undefined || authority === undefined ? undefined : certificate + authority;

const secretText = (domain: string): string =>
  `${JSON.stringify({ jid: `central.${domain}`, secret: randomBytes(24).toString('base64url') })}\n`;

const secretIn = (ground: Ground): Promise<string | undefined> =>
  readFile(ground.at(COMPONENT), 'utf8').then(
    (text) => JSON.parse(text).secret,
    () => undefined,
  );

const configWith = (secret: string | undefined, wish: ServerWish, certificate: string): string | undefined =>
  secret === undefined ? undefined : configOf(wish, certificate, secret);

function configOf(
  { domain, names, listen, certificate: own }: ServerWish,
  certificate: string,
  secret: string,
): string {
  const on = (port: number) => listen.map((ip) => ({ ip, port }));
  const config = ejabberdConfig({
    domain,
    folder: '/var/lib/ejabberd',
    certificate,
    ...(own === undefined ? { authority: OWN_CA_FILE } : {}),
    listen: {
      starttls: on(5222),
      directTls: on(5223),
      http: [],
      https: on(5443),
      api: [{ socket: API_SOCKET }],
      component: [{ ip: '127.0.0.1', port: 5275 }],
    },
    components: { [`central.${domain}`]: secret },
    httpUrl: `https://${names[0] ?? domain}:5443`,
    // Debian's logrotate does it.
    logRotateCount: 0,
  });
  return `# Written by skerry install server, which writes it again. What was here before is in ${BEFORE}.\n${config}`;
}

const certificates = (ground: Ground, { domain, names }: ServerWish): Change => ({
  async missing() {
    const stale = await staleCertificates(ground.at(PKI), domain, names);
    return stale.length === 0
      ? undefined
      : `make ${stale.map((path) => path.slice(ground.at('/').length - 1)).join(' and ')}`;
  },
  apply: async () => void (await ensureCertificates(ground.at(PKI), domain, names)),
});
