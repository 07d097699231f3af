import { X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { isIP } from 'node:net';
import { SKERRY } from '#shared/called.ts';
import { ok, warning, wrong } from '#shared/doctor/findings.ts';
import { ejabberdApi } from '#shared/ejabberd/api.ts';
import { messageOf } from '#shared/errors.ts';
import type { Finding } from '#shared/model/host.ts';
import { API_GROUP, API_SOCKET, CA_FILE, COMPONENT } from '../roles/places.ts';
import { nearAddress } from '../roles/server.ts';
import { lookAtServer } from '../tls/look.ts';
import { type Machine, saidOr } from './machine.ts';
import { tlsFindings } from './tls.ts';

const INSTALL = `${SKERRY} install server`;
const DAY_MS = 86_400_000;
/** `install server` makes it anew from 30 days before. */
const DAYS_WARNING = 30;

/** Of the machine of the server. @returns nothing where it is none */
export async function xmppServer(machine: Machine): Promise<Finding[]> {
  if (!machine.roles.has('server')) return [];
  const { ground, server } = machine;
  if (server === undefined)
    return [wrong('/etc/skerry/server.yaml', 'it cannot be read', `${INSTALL} --domain DOMAIN`)];
  const certificate = await certificateFinding(machine, server);
  if (!ground.isLive) return [certificate, await secretFinding(machine)];
  return [
    certificate,
    await secretFinding(machine),
    await apiFinding(),
    ...(await socketFindings(machine)),
    ...(await erlangFinding(machine)),
    ...(await listenerFindings(machine, server)),
  ];
}

type Wish = NonNullable<Machine['server']>;

/** One that we made is made anew by us, for all the names that we were told; one of the site's own is its administrator's. */
async function certificateFinding(
  { ground }: Machine,
  { domain, names: more, certificate: own }: Wish,
): Promise<Finding> {
  const check = 'certificate of the server';
  const names = [domain, ...more];
  const file = own ?? '/etc/ejabberd/skerry.pem';
  const mend = own === undefined ? INSTALL : `put a new one into ${own}, and systemctl reload ejabberd`;
  try {
    const certificate = new X509Certificate(await readFile(ground.at(file)));
    const days = Math.floor((Date.parse(certificate.validTo) - Date.now()) / DAY_MS);
    const foreign = names.find((name) => !(isIP(name) ? certificate.checkIP(name) : certificate.checkHost(name)));
    if (days < 0) return wrong(check, `it ended on ${certificate.validTo}`, mend);
    if (foreign !== undefined) return wrong(check, `it is not for ${foreign}`, mend);
    if (days < DAYS_WARNING) return warning(check, `it ends in ${days} days`, mend);
    return ok(check, `for ${names.join(', ')}, for ${days} more days`);
  } catch (error) {
    return wrong(check, messageOf(error), mend);
  }
}

/** The server and central have to have the same. */
async function secretFinding({ ground, central, places }: Machine): Promise<Finding> {
  const check = 'secret of central';
  const server = await readFile(ground.at(COMPONENT), 'utf8').catch(() => undefined);
  if (server === undefined) return wrong(check, 'the server has none', INSTALL);
  if (central === undefined) return ok(check, 'central is not on this machine');
  const its = await readFile(ground.at(places.secret), 'utf8').catch(() => undefined);
  return its === server
    ? ok(check, 'the server and central have the same')
    : wrong(check, 'central has another one than the server', `${SKERRY} install central`);
}

async function apiFinding(): Promise<Finding> {
  const check = 'ejabberd';
  try {
    return ok(check, (await ejabberdApi({ socket: API_SOCKET })('status', {})).replaceAll('\n', ' '));
  } catch (error) {
    return wrong(check, messageOf(error), 'systemctl status ejabberd says why; then systemctl start ejabberd');
  }
}

/** Whether central's user reaches the API. */
async function socketFindings({ ground, roles }: Machine): Promise<Finding[]> {
  if (!roles.has('central')) return [];
  const check = 'way of central to ejabberd';
  const found = await stat(API_SOCKET).catch(() => undefined);
  if (found === undefined) return [wrong(check, `there is no ${API_SOCKET}`, 'systemctl restart ejabberd')];
  const argv = ['setpriv', '--reuid=skerry-central', '--regid=skerry-central', '--init-groups'] as const;
  const may = await saidOr(ground, [...argv, 'test', '-w', API_SOCKET]);
  const mend = `${INSTALL}, and systemctl restart ejabberd`;
  return [
    may === undefined
      ? wrong(check, `the user skerry-central cannot write to ${API_SOCKET}`, mend)
      : ok(check, `open to the group ${API_GROUP}`),
  ];
}

/** Who reaches them is asked for no more than a cookie. */
async function erlangFinding({ ground }: Machine): Promise<Finding[]> {
  const said = await saidOr(ground, ['ss', '-Hltn']);
  if (said === undefined) return [];
  const open = said
    .split('\n')
    .map((line) => line.trim().split(/\s+/)[3] ?? '')
    .filter((at) => /:(4369|5210|5275)$/.test(at) && !/^(127\.|\[::1\])/.test(at));
  return [
    open.length === 0
      ? ok("ejabberd's inner ports", 'on this machine alone')
      : wrong("ejabberd's inner ports", `open to others: ${open.join(', ')}`, INSTALL),
  ];
}

async function listenerFindings({ ground }: Machine, server: Wish): Promise<Finding[]> {
  const { domain, certificate } = server;
  const ca = certificate === undefined ? await readFile(ground.at(CA_FILE), 'utf8').catch(() => undefined) : undefined;
  try {
    const look = await lookAtServer({ host: nearAddress(server), port: 5222, directTls: false }, domain, ca);
    return tlsFindings(look, domain, INSTALL);
  } catch (error) {
    return [wrong('port 5222', messageOf(error), 'systemctl restart ejabberd')];
  }
}
