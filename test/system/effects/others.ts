import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { ConsoleInfo } from '#shared/model/console.ts';
import type { Guest } from '#shared/model/guest.ts';
import type { Job } from '#shared/model/job.ts';
import { parseConsole } from '#shared/xmpp/console.ts';
import { until } from '../support/rig.ts';
import {
  boot,
  DEAF,
  type Effect,
  GUEST,
  HOST,
  jobIn,
  namesOf,
  run,
  type Scene,
  stateOf,
  write,
  ZONES,
} from './effect.ts';

/** A shutdown that has something to wait for. @returns its id */
async function beginJob(scene: Scene): Promise<string> {
  if ((await stateOf(scene, DEAF)) !== 'running') await scene.virsh('start', DEAF);
  await until('it is known to run', async () => stateIn(await run(scene, 'guest.info', { guest: DEAF })) === 'running');
  const job = (await run(scene, 'guest.shutdown', { guest: DEAF, waitS: 600 })) as Job;
  return job.id;
}
const stateIn = (guest: unknown): string => (guest as Guest).state;
const cancel = async (scene: Scene, job: string): Promise<void> => void (await run(scene, 'job.cancel', { job }));

const consoleEffects = {
  'console.list': async (scene) => {
    await boot(scene);
    const answer = await scene.ask('console.list', {});
    const open = (await namesOf(scene, '--state-running')).filter((name) => isOpen(answer, name));
    assert.ok(open.includes(GUEST), answer);
    assert.deepEqual(open, await namesOf(scene, '--state-running'));
  },
  'console.read': async (scene) => {
    await boot(scene);
    const mark = `read-by-${scene.surface}`;
    await write(scene, mark);
    await until('it stands on the console', async () => (await scene.rig.consoleLog(HOST, GUEST)).includes(mark));
    await until('it is read', async () => (await scene.ask('console.read', { guest: GUEST, lines: 5 })).includes(mark));
  },
  'console.watch': async (scene) => {
    await boot(scene);
    const answer = await scene.ask('console.watch', { guest: GUEST, forS: scene.surface === 'cli' ? 10 : 120 });
    assert.match(answer, /watchers: 1\b|\b1 watching/);
    // The command line's own way to watch is `console GUEST`; whom this one would send to has gone when it has answered.
    if (scene.surface === 'cli') return;
    const mark = `watched-by-${scene.surface}`;
    await write(scene, mark);
    await scene.person.sees(`${mark} on the console`, () => written(scene).includes(mark));
    await scene.ask('console.watch', { guest: GUEST, on: false });
    await noneWatches(scene);
  },
  'console.send': async (scene) => {
    await boot(scene);
    await scene.ask('console.send', { guest: GUEST, text: `echo ${scene.surface}=$((20+22))` });
    await until('the guest has done it', async () =>
      (await scene.rig.consoleLog(HOST, GUEST)).includes(`${scene.surface}=42`),
    );
  },
} satisfies Record<string, Effect>;

const isOpen = (answer: string, name: string): boolean =>
  new RegExp(`^(guest: )?${name}( · |\\nstate: )open\\b`, 'm').test(answer);

/** What came of the console until now: text for people, bytes for programs. */
const written = ({ person, surface }: Scene): string =>
  person.seen
    .map((stanza) =>
      surface === 'chat'
        ? (stanza.getChildText('body') ?? '')
        : Buffer.from(parseConsole(stanza)?.bytes ?? []).toString(),
    )
    .join('');

const noneWatches = (scene: Scene): Promise<void> =>
  until('nobody watches', async () =>
    ((await run(scene, 'console.list', {})) as ConsoleInfo[]).every(({ watchers }) => watchers === 0),
  );

const jobEffects = {
  'job.list': async (scene) => {
    const job = await beginJob(scene);
    assert.match(await scene.ask('job.list', { state: 'running' }), new RegExp(`^(job|id:) ${job}\\b`, 'm'));
    await cancel(scene, job);
    assert.doesNotMatch(await scene.ask('job.list', { state: 'running' }), new RegExp(`\\b${job}\\b`));
  },
  'job.info': async (scene) => {
    const job = await beginJob(scene);
    assert.match(await scene.ask('job.info', { job }), /running/);
    await cancel(scene, job);
    assert.match(await scene.ask('job.info', { job }), /cancelled/);
  },
  'job.cancel': async (scene) => {
    const job = await beginJob(scene);
    assert.equal(jobIn(await scene.ask('job.cancel', { job })), job);
    assert.equal(((await run(scene, 'job.info', { job })) as Job).state, 'cancelled');
    assert.equal(await stateOf(scene, DEAF), 'running');
  },
} satisfies Record<string, Effect>;

async function isOfHost(scene: Scene, answer: string): Promise<void> {
  const [known, running] = await Promise.all([namesOf(scene), namesOf(scene, '--state-running')]);
  const guests = known.length + ZONES;
  assert.match(answer, new RegExp(`\\b${HOST}\\b`));
  if (/^guests: /im.test(answer)) {
    assert.match(answer, new RegExp(`^guests: ${guests}$`, 'im'));
    assert.match(answer, new RegExp(`^running: ${running.length}$`, 'im'));
  } else assert.match(answer, new RegExp(`\\b${running.length} of ${guests} guests running`));
}

/** What a guest wrote before its last start does not count, also for an agent that began after that start. */
async function forgetsLives(scene: Scene, mark: string): Promise<void> {
  const look = (pattern: string): Promise<string> =>
    scene.ask('host.probe', { kind: 'console', target: GUEST, pattern }).catch((error: Error) => error.message);
  const isForgotten = (answer: string): boolean =>
    answer.includes('no line of its console has matched since its start');
  await scene.rig.ensureOff(HOST, GUEST);
  await boot(scene);
  await until('its console is read', async () => isForgotten(await look(`${mark}$`)));
  await write(scene, 'second-life');
  await until('it is on the console', async () => (await look('second-life$')).includes('good'));
  await scene.rig.killAgent(HOST);
  await until('the agent is back', async () => (await look('second-life$')).includes('good'));
  assert.ok(isForgotten(await look(`${mark}$`)));
}

const auditEffects = {
  'audit.list': async (scene) => {
    await boot(scene);
    await scene.ask('guest.suspend', { guest: GUEST });
    await scene.ask('guest.resume', { guest: GUEST });
    const listed = await scene.ask('audit.list', { verb: 'guest.suspend', target: GUEST, limit: 1 });
    assert.match(listed, /guest\.suspend/);
    assert.match(listed, /admin@skerry\.test|operator@skerry\.test/);
    assert.doesNotMatch(listed, /guest\.resume/);
  },
} satisfies Record<string, Effect>;

const hostEffects = {
  'host.list': async (scene) => isOfHost(scene, await scene.ask('host.list', {})),
  'host.info': async (scene) => {
    const answer = await scene.ask('host.info', {});
    await isOfHost(scene, answer);
    assert.ok(answer.includes(await hypervisorOf(scene)), answer);
    assert.match(answer, new RegExp(`^cpus: ${/^CPU\(s\):\s+(\d+)/m.exec(await scene.virsh('nodeinfo'))?.[1]}$`, 'im'));
  },
  'host.health': async (scene) => {
    const memoryMiB = Math.round(Number(/^MemTotal:\s+(\d+)/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]) / 1024);
    const answer = (await scene.ask('host.health', {})).replaceAll(/(?<=\d)[, {2}](?=\d{3})/g, '');
    assert.match(answer, new RegExp(`\\b${memoryMiB}\\b`));
  },
  'host.doctor': async (scene) => {
    const answer = await scene.ask('host.doctor', {});
    assert.match(answer, new RegExp(`${await hypervisorOf(scene)}.* answers at`));
    assert.doesNotMatch(answer, /^(verdict: )?wrong/m);
  },
  'host.probe': async (scene) => {
    await boot(scene);
    const good = /^(verdict: )?good\b/im;
    assert.match(await scene.ask('host.probe', { kind: 'agent', target: GUEST }), good);
    const mark = `probed-by-${scene.surface}`;
    await write(scene, mark);
    await until('it is on the console', async () =>
      good.test(await scene.ask('host.probe', { kind: 'console', target: GUEST, pattern: `${mark}$` })),
    );
    const refused = await scene.ask('host.probe', { kind: 'tcp', target: '127.0.0.1:1' });
    assert.match(refused, /^(verdict: )?bad\b/im);
    assert.match(refused, /connection refused/);
    if (scene.surface === 'form') await forgetsLives(scene, mark);
  },
} satisfies Record<string, Effect>;

/** `QEMU 7.2.22` */
const hypervisorOf = async ({ virsh }: Scene): Promise<string> =>
  /^Running hypervisor: (.*)$/m.exec(await virsh('version'))?.[1] ?? 'no version';

export const otherEffects = { ...consoleEffects, ...jobEffects, ...auditEffects, ...hostEffects };
