import { readdir, readFile } from 'node:fs/promises';
import xml from '@xmpp/xml';
import { agentVerbs } from '#shared/verbs/agent.ts';
import { runVerb } from '#shared/xmpp/commands-client.ts';
import { xmppClient } from '#shared/xmpp/connection/client.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { sameJid } from '#shared/xmpp/jid.ts';
import { startRig, type TestRig } from '#test/system/support/rig.ts';
import { against, type Figure, ms, timesOf } from './figures.ts';

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
  for (let round = 0; round < rounds; round++) {
    await timed(verb, () =>
      runVerb(entity, rig.agentJid('host1'), 'guest.start', agentVerbs['guest.start'], { guest: 'venti' }),
    );
    await timed(process, () => rig.virsh('host1', ['start', 'venti']));
  }
  await rig.ensureOff('host1', 'venti');
  return against('guest start', timesOf(verb), timesOf(process), 'a virsh process', { p50: 1 }).slice(0, 1);
}

/** From kill -9 of a guest's QEMU to the agent's presence at a client. */
async function deaths(rig: TestRig, entity: Entity, rounds: number): Promise<Figure[]> {
  const samples: number[] = [];
  for (let round = 0; round < rounds; round++) {
    await seen(rig, entity, /^1 of/, () => rig.ensureRunning('host1', 'venti'));
    const pid = await qemuOf('venti');
    const begin = performance.now();
    await seen(rig, entity, /^0 of/, async () => void process.kill(pid, 'SIGKILL'));
    samples.push(performance.now() - begin);
  }
  const { p50Ms, p99Ms } = timesOf(samples);
  return [
    { name: 'death of a guest (kill -9 of QEMU) to presence, p50', value: ms(p50Ms) },
    { name: 'the same, worst', value: ms(p99Ms) },
  ];
}

async function seen(rig: TestRig, entity: Entity, text: RegExp, cause: () => Promise<void>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const off = entity.onPresence((stanza) => {
    if (sameJid(stanza.attrs.from ?? '', rig.agentJid('host1')) && text.test(stanza.getChildText('status') ?? ''))
      resolve();
  });
  await cause();
  await promise;
  off();
}

async function qemuOf(guest: string): Promise<number> {
  for (const entry of await readdir('/proc')) {
    const line = /^\d+$/.test(entry) ? await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '') : '';
    if (line.includes(`guest=${guest},`) && line.includes('qemu-system')) return Number(entry);
  }
  throw new Error(`no QEMU runs ${guest}`);
}
