import { readFile } from 'node:fs/promises';
import { ejabberdConfig } from '../ejabberd/config.ts';
import { ensureCertificates, staleCertificates } from '../pki/certificates.ts';
import { absent, backup, block, type Change, file, folder, restored } from './changes.ts';
import type { Ground } from './ground.ts';
import { enabled, packages, running } from './system-changes.ts';

export const SERVER_UNITS = ['epmd.socket', 'ejabberd.service'];
export const API_SOCKET = '/run/ejabberd/api.sock';
const PKI = '/etc/skerry/pki';
const CONFIG = '/etc/ejabberd/ejabberd.yml';
const BEFORE = `${CONFIG}.before-skerry`;
const DEFAULTS = '/etc/default/ejabberd';
const EPMD = '/etc/systemd/system/epmd.socket.d/skerry.conf';
/** What stays when our configuration is taken off. */
export const SERVER_LEFT = '/etc/skerry/pki, /var/lib/ejabberd and the package ejabberd';

/** Erlang's own ports: nobody outside needs them, and who reaches them is asked for no more than a cookie. */
const DEFAULTS_TEXT = 'INET_DIST_INTERFACE=127.0.0.1\nERL_DIST_PORT=5210\n';
const EPMD_TEXT = '[Socket]\nListenStream=\nListenStream=127.0.0.1:4369\n';

export interface ServerWish {
  domain: string;
  /** By which it is reached, besides the domain's own; the first is what clients are told for uploads. */
  names: readonly string[];
  /** Addresses to listen on for clients. */
  listen: readonly string[];
  /** Certificate and key of the site's own, in one file, in place of one that is made here. */
  certificate?: string;
}

/** @throws Failure config-invalid, bad-argument */
export async function serverChanges(ground: Ground, wish: ServerWish): Promise<Change[]> {
  const certificate = wish.certificate ?? '/etc/ejabberd/skerry.pem';
  const owned = { mode: 0o600, owner: 'ejabberd' };
  const made = (name: string) => () => readFile(ground.at(`${PKI}/${name}`), 'utf8').catch(() => undefined);
  const ownCertificate = [
    certificates(ground, wish),
    file(ground, '/etc/ejabberd/skerry.pem', made('server.pem'), owned),
    // For agents and people, to trust.
    file(ground, '/etc/ejabberd/skerry-ca.pem', made('ca.pem'), { mode: 0o644 }),
  ];
  return [
    packages(ground, ['ejabberd', 'openssl']),
    ...(wish.certificate === undefined ? ownCertificate : []),
    folder(ground, '/var/lib/ejabberd/upload', { mode: 0o700, owner: 'ejabberd' }),
    backup(ground, CONFIG, BEFORE, 0o600),
    file(ground, CONFIG, configOf(wish, certificate), owned),
    block(ground, DEFAULTS, DEFAULTS_TEXT),
    file(ground, EPMD, EPMD_TEXT, { mode: 0o644 }),
    enabled(ground, 'ejabberd.service'),
    running(ground, 'ejabberd.service'),
  ];
}

/** Back to what was before. The server goes on with that. */
export const serverRemoval = (ground: Ground): Change[] => [
  restored(ground, CONFIG, BEFORE),
  block(ground, DEFAULTS, ''),
  absent(ground, EPMD),
  absent(ground, '/etc/ejabberd/skerry.pem'),
  absent(ground, '/etc/ejabberd/skerry-ca.pem'),
];

function configOf({ domain, names, listen, certificate: own }: ServerWish, certificate: string): string {
  const on = (port: number) => listen.map((ip) => ({ ip, port }));
  const config = ejabberdConfig({
    domain,
    folder: '/var/lib/ejabberd',
    certificate,
    ...(own === undefined ? { authority: '/etc/ejabberd/skerry-ca.pem' } : {}),
    listen: {
      starttls: on(5222),
      directTls: on(5223),
      http: [],
      https: on(5443),
      api: [{ socket: API_SOCKET }],
      component: [],
    },
    httpUrl: `https://${names[0] ?? domain}:5443`,
    // Debian's logrotate does it.
    logRotateCount: 0,
  });
  return `# Written by provisioning/install-server, which writes it again. What was here before is in ${BEFORE}.\n${config}`;
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
