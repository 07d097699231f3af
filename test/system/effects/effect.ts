import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HOSTS } from '#provisioning/rig/plan.ts';
import type { Guest } from '#shared/model/guest.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';
import { type RunOptions, runVerb } from '#shared/xmpp/commands-client.ts';
import type { Person } from '../support/person.ts';
import { type TestRig, until } from '../support/rig.ts';
import type { Surface } from '../support/surfaces.ts';

/** On which the verbs are tried, both on HOST. */
export const HOST = 'host1';
export const GUEST = 'fossil';
/** How many zones HOST has beside what virsh knows; they are off. */
export const ZONES = HOSTS.find(({ name }) => name === HOST)?.zones.length ?? 0;
/** A guest with nothing to boot: it runs, and hears no question. */
export const DEAF = 'deaf';

/** What a test of an effect has. What it sees by `virsh` is not ours. */
export interface Scene {
  rig: TestRig;
  person: Person;
  surface: Surface['name'];
  ask: Surface['ask'];
  virsh(...args: string[]): Promise<string>;
}

/** Carry a verb out by the scene's surface, and see what came of it without Skerry. */
export type Effect = (scene: Scene) => Promise<void>;

/** `running`, `shut off`, in virsh's words. */
export const stateOf = async ({ virsh }: Pick<Scene, 'virsh'>, guest: string): Promise<string> =>
  (await virsh('domstate', guest)).trim();

/** `shut off (destroyed)`: with why. */
export const reasonOf = async ({ virsh }: Scene, guest: string): Promise<string> =>
  (await virsh('domstate', guest, '--reason')).trim();

export const namesOf = async ({ virsh }: Scene, ...which: string[]): Promise<string[]> =>
  (await virsh('list', '--all', '--name', ...which)).split('\n').filter(Boolean).toSorted();

/** Make GUEST run, with its agent answering. */
export async function boot(scene: Scene): Promise<void> {
  if ((await stateOf(scene, GUEST)) === 'paused') await scene.virsh('resume', GUEST);
  await scene.rig.ensureRunning(HOST, GUEST);
  await until('the guest agent answers', () =>
    scene.virsh('qemu-agent-command', GUEST, '{"execute":"guest-ping"}').then(
      () => true,
      () => false,
    ),
  );
}

/** Have GUEST write a line to its console, by its agent. */
export async function write({ virsh }: Scene, line: string): Promise<void> {
  const run = { execute: 'guest-exec', arguments: { path: 'sh', arg: ['-c', `echo ${line} >/dev/console`] } };
  await virsh('qemu-agent-command', GUEST, JSON.stringify(run));
}

/** Define a guest as GUEST is, but with nothing to boot, and on no network; off. Resolves when the agent has heard of it. */
export async function defineDeaf(scene: Pick<Scene, 'rig' | 'virsh' | 'person'>, name: string): Promise<void> {
  const { rig, virsh } = scene;
  const xml = (await virsh('dumpxml', '--inactive', GUEST))
    .replace(/<name>.*<\/name>/, `<name>${name}</name>`)
    .replace(/<(uuid|kernel|initrd|cmdline)>.*<\/\1>/g, '')
    .replace(/<interface .*<\/interface>/s, '')
    .replace(/<log [^>]*>/, '');
  const file = join(rig.dir, `${name}.xml`);
  await writeFile(file, xml);
  await virsh('define', file);
  const known = async (): Promise<Guest[]> => (await run(scene, 'guest.list', { match: name })) as Guest[];
  await until(`the agent knows ${name}`, async () => (await known()).some((guest) => guest.name === name));
}

export async function remove(scene: Pick<Scene, 'rig' | 'virsh'>, name: string): Promise<void> {
  await scene.rig.ensureOff(HOST, name);
  await scene.virsh('undefine', name);
}

/** A verb by a program, for what a test needs besides. */
export const run = async (
  { rig, person }: Pick<Scene, 'rig' | 'person'>,
  verb: keyof typeof agentVerbs,
  args: Record<string, unknown>,
  options?: RunOptions,
): Promise<unknown> => (await runVerb(person.entity, rig.agentJid(HOST), verb, agentVerbs[verb], args, options)).value;

/** The id of a job in an answer, by whichever surface. */
export const jobIn = (answer: string): string => {
  const id = /^(?:job |id: )(\w+)/m.exec(answer)?.[1];
  if (id === undefined) throw new Error(`no job in ${answer}`);
  return id;
};
