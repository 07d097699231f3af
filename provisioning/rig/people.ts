import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type Credentials,
  enrolHost,
  ensureAccount,
  randomPassword,
  writeCredentials,
} from '#shared/ejabberd/accounts.ts';
import type { EjabberdApi } from '#shared/ejabberd/api.ts';
import { Failure } from '#shared/errors.ts';
import type { Layout } from './layout.ts';
import { DOMAIN, ROLES } from './plan.ts';
import type { Program } from './program.ts';

const ONLINE_TIMEOUT_MS = 30_000;
/** sysexits.h */
const EX_CONFIG = 78;

export interface Person extends Credentials {
  role: string;
}

/** The rig's people, each with the password that it has had since the rig was first up. */
export async function ensurePeople(api: EjabberdApi, folder: string): Promise<Person[]> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const make = async (role: string): Promise<Person> => {
    const file = join(folder, `${role}.json`);
    const known = await readCredentials(file);
    const person = known ?? { jid: `${role}@${DOMAIN}`, password: randomPassword() };
    if (known === undefined) await writeCredentials(file, person);
    await ensureAccount(api, person);
    return { ...person, role };
  };
  return Promise.all(ROLES.map(make));
}

/** A host's account: enrolled once, then known from the file that its agent reads. */
export async function ensureHostAccount(api: EjabberdApi, name: string, file: string): Promise<Credentials> {
  const known = await readCredentials(file);
  if (known !== undefined) {
    // The server's database may be younger than the file.
    await ensureAccount(api, known);
    return known;
  }
  const enrolled = await enrolHost(api, DOMAIN, name);
  await writeCredentials(file, enrolled);
  return enrolled;
}

/** Wait until each of these hosts has a session with the server. @throws Failure setup-needed with what its agent said last */
export async function areOnline(api: EjabberdApi, hostNames: readonly string[], layout: Layout): Promise<void> {
  const end = performance.now() + ONLINE_TIMEOUT_MS;
  for (;;) {
    const connected = await api('connected_users', {});
    const missing = hostNames.find((name) => !connected.some((jid) => jid.startsWith(`${name}@${DOMAIN}/`)));
    if (missing === undefined) return;
    if (performance.now() > end) throw await agentFailure(missing, 'did not connect', layout);
    await delay(50);
  }
}

/** Rejects when an agent says that its configuration cannot be used: starting it again does not help. */
export async function refusal(name: string, { ended }: Program, layout: Layout): Promise<never> {
  if ((await ended) === EX_CONFIG) throw await agentFailure(name, 'cannot work', layout);
  return new Promise<never>(() => {});
}

async function agentFailure(name: string, what: string, layout: Layout): Promise<Failure> {
  const log = join(layout.host(name), 'agent.log');
  const last = (await readFile(log, 'utf8').catch(() => '')).trim().split('\n').at(-1) ?? '';
  return new Failure('setup-needed', { problem: `The agent of ${name} ${what}: ${last.slice(0, 500)} (${log})` });
}

async function readCredentials(file: string): Promise<Credentials | undefined> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  return text === undefined ? undefined : JSON.parse(text);
}
