import { readFile } from 'node:fs/promises';
import type { Element } from '@xmpp/xml';
import { pino } from 'pino';
import { type LinkTimes, type Service, xmppClient } from '#shared/xmpp/connection/client.ts';
import { xmppComponent } from '#shared/xmpp/connection/component.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import type { TestRig } from './rig.ts';
import type { TestServer } from './server.ts';

/** A host's agent may be back 10 s after its link is, and a machine may be busy besides. */
const WAIT_MS = 40_000;

/** Somebody with an account of a test server, or a component of it. */
export interface Person {
  readonly entity: Entity;
  get(to: string | undefined, child: Element): Promise<Element>;
  set(to: string | undefined, child: Element): Promise<Element>;
  send(stanza: Element): Promise<void>;
  /** The first message or presence that fits, of those that came already too. */
  sees(what: string, fits: (stanza: Element) => boolean, timeoutMs?: number): Promise<Element>;
  /** All that came until now. */
  readonly seen: readonly Element[];
}

const bugs = {
  log: pino({ level: process.env.SKERRY_TEST_LOG ?? 'silent' }),
  onBug(error: unknown): void {
    throw error;
  },
};

/** Log in. */
export async function person(
  server: Pick<TestServer, 'account' | 'ca'> & { xmpp: Service },
  name: string,
  service?: Service,
): Promise<Person> {
  const options = { ...server.account(name), resource: 'test', ca: server.ca, ...bugs };
  return await begin(xmppClient({ ...options, service: service ?? server.xmpp }));
}

/** Somebody with an account of a rig, of this role. */
export async function rigPerson(rig: TestRig, role: string, reconnect: Partial<LinkTimes> = {}): Promise<Person> {
  const { jid, password } = rig.account(role);
  const ca = await readFile(rig.ca, 'utf8');
  return await begin(xmppClient({ jid, password, resource: 'test', ca, service: rig.xmpp, reconnect, ...bugs }));
}

export const component = (server: TestServer, domain: string, secret: string): Promise<Person> =>
  begin(xmppComponent({ domain, secret, service: { host: '127.0.0.1', port: server.componentPort }, ...bugs }));

async function begin(entity: Entity): Promise<Person> {
  const seen: Element[] = [];
  /** Several may look at once. */
  const looking = new Set<() => void>();
  const keep = (stanza: Element): void => {
    seen.push(stanza);
    for (const look of [...looking]) look();
  };
  entity.onMessage(keep);
  entity.onPresence(keep);
  await entity.start();
  const ask = (type: 'get' | 'set') => (to: string | undefined, child: Element) =>
    entity.request({ ...(to === undefined ? {} : { to }), type, child });
  return {
    entity,
    seen,
    get: ask('get'),
    set: ask('set'),
    send: (stanza) => entity.send(stanza, 'refuse'),
    sees: (what, fits, timeoutMs = WAIT_MS) =>
      new Promise((resolve, reject) => {
        const end = (): void => {
          clearTimeout(limit);
          looking.delete(look);
        };
        const look = (): void => {
          try {
            const found = seen.find(fits);
            if (found) resolve(found);
            else return;
          } catch (error) {
            reject(error);
          }
          end();
        };
        const limit = setTimeout(() => {
          end();
          reject(new Error(`${entity.bareJid} did not see ${what}, but: ${seen.join('\n')}`));
        }, timeoutMs);
        looking.add(look);
        look();
      }),
  };
}
