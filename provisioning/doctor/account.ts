import { lookup } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { dirname, resolve } from 'node:path';
import { SKERRY } from '#shared/called.ts';
import { authorityFinding } from '#shared/doctor/certificates.ts';
import { clockFinding } from '#shared/doctor/clock.ts';
import { ok, wrong } from '#shared/doctor/findings.ts';
import { Failure, messageOf } from '#shared/errors.ts';
import type { Finding } from '#shared/model/host.ts';
import { connect, type Login } from '#shared/xmpp/connect.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { domainpartOf } from '#shared/xmpp/jid.ts';
import { serverFeatures } from '#shared/xmpp/server-features.ts';
import { serverTimeMs } from '#shared/xmpp/server-time.ts';
import { AGENT_CONFIG } from '../roles/places.ts';
import { lookAtServer } from '../tls/look.ts';
import type { Machine } from './machine.ts';
import { tlsFindings } from './tls.ts';

/** The way of this host's agent to its server, as the agent goes it. */
export async function agentsWay({ ground, agent, places }: Machine): Promise<Finding[]> {
  if (agent === undefined || !ground.isThisMachine) return [];
  const at = (path: string): string => resolve(dirname(AGENT_CONFIG), path);
  const text = await readFile(places.credentials, 'utf8').catch(() => '{}');
  const { password = '' } = JSON.parse(text) as { password?: string };
  const ca = agent.ca === undefined ? undefined : await readFile(at(agent.ca), 'utf8').catch(() => '');
  const authority = agent.ca === undefined ? [] : [authorityFinding(ca ?? '', at(agent.ca), Date.now())];
  const login = { jid: agent.jid, password, service: agent.service, ...(ca === undefined ? {} : { ca }) };
  // A host that has an account does not join.
  const renew = `host enrol NAME again=yes; then here rm ${places.credentials}, and the line that it answers with`;
  return [...authority, ...(await wayOf(login, renew))];
}

/**
 * The way of an account to its server, step by step, as far as it goes: the name, the port and TLS, the login, and what the server can.
 * @param renew how the account is got anew
 */
export async function wayOf(login: Login, renew: string): Promise<Finding[]> {
  const { service, jid, ca } = login;
  const domain = domainpartOf(jid);
  const name = await nameFinding(service.host);
  if (name.verdict !== 'ok') return [name];
  const dialled = { ...service, directTls: service.directTls ?? false };
  const look = await lookAtServer(dialled, domain, ca).catch((error: unknown) => messageOf(error));
  const mend = 'see that the server runs, and that a firewall lets this machine through to that port';
  if (typeof look === 'string') return [name, wrong('way to the server', look, mend)];
  const tls = tlsFindings(
    look,
    domain,
    `copy /etc/skerry/ca.pem of the server here, or ${SKERRY} install server there`,
  );
  if (look.problem !== undefined) return [name, ...tls];
  return [name, ...tls, ...(await loggedIn(login, renew))];
}

async function nameFinding(host: string): Promise<Finding> {
  const check = 'name of the server';
  if (isIP(host)) return ok(check, `${host}, an address`);
  try {
    return ok(check, `${host} is ${(await lookup(host)).address}`);
  } catch (error) {
    const mend = `put ${host} into DNS, or a line "ADDRESS ${host}" into /etc/hosts`;
    return wrong(check, `${host} leads nowhere: ${messageOf(error)}`, mend);
  }
}

async function loggedIn(login: Login, renew: string): Promise<Finding[]> {
  let entity: Entity;
  try {
    entity = await connect(login);
  } catch (error) {
    const isRefused = error instanceof Failure && error.code === 'login-refused';
    const mend = isRefused
      ? `get the account anew: ${renew}`
      : 'see what the server says: journalctl -u ejabberd, there';
    return [wrong('login', messageOf(error), mend)];
  }
  try {
    const clock = await clockFinding(() => serverTimeMs(entity), Date.now);
    return [ok('login', `as ${login.jid}`), clock, ...(await featureFindings(entity))];
  } finally {
    await entity.stop();
  }
}

/** What Skerry and people's clients use of a server, and what it is for. */
const FEATURES = [
  { name: 'carbons', feature: 'urn:xmpp:carbons:2', for: 'all clients of a person see what one says' },
  { name: 'archive', feature: 'urn:xmpp:mam:2', for: 'what was said is there on the next client' },
  { name: 'PEP', feature: 'pubsub/pep', for: 'pictures of guests in contact lists' },
  { name: 'last activity', feature: 'jabber:iq:last', for: 'since when a host is silent' },
] as const;
const SERVICES = [
  { name: 'rooms', service: 'conference/text', for: "central's room" },
  { name: 'PubSub', service: 'pubsub/service', for: 'events for programs' },
  { name: 'uploads', service: 'store/file', for: 'pictures in chat' },
] as const;
const FEATURES_MEND = `${SKERRY} install server, on the machine of the server`;

async function featureFindings(entity: Entity): Promise<Finding[]> {
  const { features, services } = await serverFeatures(entity);
  const finding = (name: string, isThere: boolean, what: string): Finding =>
    isThere
      ? ok(`server: ${name}`, 'there')
      : wrong(`server: ${name}`, `not there; it is for this: ${what}`, FEATURES_MEND);
  return [
    ...FEATURES.map((each) => finding(each.name, features.has(each.feature), each.for)),
    ...SERVICES.map((each) => finding(each.name, services.has(each.service), each.for)),
  ];
}
