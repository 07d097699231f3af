import { readFile } from 'node:fs/promises';
import xml from '@xmpp/xml';
import type { GuestEvent } from '#agent/drivers/driver.ts';
import { watchEvents } from '#agent/drivers/libvirt/watch.ts';
import { childrenOf } from '#provisioning/rig/processes.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';
import { runVerb } from '#shared/xmpp/commands-client.ts';
import { xmppClient } from '#shared/xmpp/connection/client.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { sameJid } from '#shared/xmpp/jid.ts';
import { startRig, type TestRig } from '#test/system/support/rig.ts';
import { against, type Figure, timesOf } from './figures.ts';

const SEEN_MS_MAX = 30_000;
const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** On real guests of a rig: a start against a process of virsh, and how soon a death is seen. */
export async function onRealGuests(rounds: number): Promise<Figure[]> {
  const { rig, stop } = await startRig();
  const entity = xmppClient({
    ...rig.account('admin'),
    resource: 'bench',
    service: { host: rig.xmpp.host, port: rig.xmpp.port },
    ca: await readFile(rig.ca, 'utf8'),
    log: SILENT,
    onBug: console.error,
  });
  try {
    await entity.start();
    await entity.send(xml('presence'), 'refuse');
    return [...(await starts(rig, entity, rounds)), ...(await deaths(rig, entity, rounds))];
  } finally {
    await entity.stop();
    await stop();
  }
}

async function starts(rig: TestRig, entity: Entity, rounds: number): Promise<Figure[]> {
  const verb: number[] = [];
  const process: number[] = [];
  const timed = async (samples: number[], start: () => Promise<unknown>): Promise<void> => {
    await rig.ensureOff('host1', 'venti');
    const begin = performance.now();
    await start();
    samples.push(performance.now() - begin);
  };
  const byVerb = () =>
    timed(verb, () =>
      runVerb(entity, rig.agentJid('host1'), 'guest.start', agentVerbs['guest.start'], { guest: 'venti' }),
    );
  const byProcess = () => timed(process, () => rig.virsh('host1', ['start', 'venti']));
  // Each is as often the first of its round as the other.
  for (let round = 0; round < rounds; round++)
    for (const start of round % 2 === 0 ? [byVerb, byProcess] : [byProcess, byVerb]) await start();
  await rig.ensureOff('host1', 'venti');
  return against('guest start', timesOf(verb), timesOf(process), 'a virsh process', { p50: 1 }).slice(0, 1);
}

/** From kill -9 of a guest's QEMU to the agent's presence at a client, against libvirt's own event of the same death. */
async function deaths(rig: TestRig, entity: Entity, rounds: number): Promise<Figure[]> {
  const presence: number[] = [];
  const event: number[] = [];
  let heard = (_event: GuestEvent): void => {};
  const watch = await watchEvents(
    { uri: rig.uri('host1'), host: 'host1', log: SILENT },
    (each) => heard(each),
    console.error,
    AbortSignal.timeout(SEEN_MS_MAX),
  );
  try {
    for (let round = 0; round < rounds; round++) {
      await seen(rig, entity, /^1 of/, () => rig.ensureRunning('host1', 'venti'));
      const pid = await qemuOf(rig, 'host1', 'venti');
      const begin = performance.now();
      const told = new Promise<void>((resolve) => {
        heard = ({ state }) => {
          if (state !== 'shutoff') return;
          event.push(performance.now() - begin);
          resolve();
        };
      });
      await seen(rig, entity, /^0 of/, async () => void process.kill(pid, 'SIGKILL'));
      presence.push(performance.now() - begin);
      await told;
    }
  } finally {
    await watch.stop();
  }
  return against(
    'death of a guest (kill -9 of QEMU) to presence',
    timesOf(presence),
    timesOf(event),
    "libvirt's event",
  );
}

/** Do something, and wait until the agent's presence says so. @throws Error when it does not within SEEN_MS_MAX */
async function seen(rig: TestRig, entity: Entity, text: RegExp, cause: () => Promise<void>): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const off = entity.onPresence((stanza) => {
    if (sameJid(stanza.attrs.from ?? '', rig.agentJid('host1')) && text.test(stanza.getChildText('status') ?? ''))
      resolve();
  });
  const timer = setTimeout(() => reject(new Error(`no presence said ${text} in ${SEEN_MS_MAX} ms`)), SEEN_MS_MAX);
  try {
    await Promise.all([cause(), promise]);
  } finally {
    clearTimeout(timer);
    off();
  }
}

/** The QEMU of a guest of this rig: other rigs on the machine have guests of the same names. */
async function qemuOf(rig: TestRig, host: string, guest: string): Promise<number> {
  // QEMU detaches itself, and so is a child of the first process of its host.
  for (const pid of childrenOf(rig.hostPid(host))) {
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (line.includes(`guest=${guest},`) && line.includes('qemu-system')) return pid;
  }
  throw new Error(`no QEMU runs ${guest} on ${host}`);
}
