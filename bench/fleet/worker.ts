/** A process with many agents in it, each with a fake hypervisor of its own: `node bench/fleet/worker.ts PLAN`, with IPC. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pino from 'pino';
import { startAgent } from '#agent/agent.ts';
import { AgentConfig } from '#agent/config.ts';
import { fakeDriver } from '#agent/drivers/fake/driver.ts';
import { type FakeWorld, fakeWorld } from '#agent/drivers/fake/world.ts';
import { type Ask, type Connections, type GuestTruth, guestName, monotonicMs, type WorkerPlan } from './messages.ts';

const plan: WorkerPlan = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8'));
const worlds = new Map<string, FakeWorld>();
const connections: Connections = { connected: [], failed: [] };
const BEGUN_AT_ONCE = 10;

/** The agents' own log tells of connections. Faults are let through. */
const log = pino(
  { level: 'info' },
  {
    write: (line: string) => {
      if (line.includes('"connected to the server"')) connections.connected.push(monotonicMs());
      else if (line.includes('"not connected to the server"')) connections.failed.push(monotonicMs());
      else if (line.includes('"level":50')) process.stderr.write(line);
    },
  },
);

/** Every other one runs. */
const guestsOf = (host: string) =>
  Array.from({ length: plan.guests }, (_, n) => ({
    name: guestName(host, n),
    running: n % 2 === 0,
  }));

async function begin(host: string): Promise<void> {
  const folder = join(plan.folder, host);
  const world = fakeWorld({
    guests: guestsOf(host),
    bootMs: 0,
    shutdownMs: 0,
    stateFile: join(folder, 'hypervisor.jsonl'),
  });
  worlds.set(host, world);
  const { driver: _, ...config } = AgentConfig.parse({
    jid: `${host}@${plan.domain}`,
    host,
    credentials: join(folder, 'account.json'),
    service: plan.service,
    ca: plan.caFile,
    central: plan.central,
    driver: { kind: 'fake' },
    state: join(folder, 'state'),
  });
  await startAgent({ ...config, host, drivers: [] }, log, fakeDriver({ world, host }));
}

const truth = (): GuestTruth[] =>
  [...worlds].flatMap(([host, world]) =>
    world.guests().map(({ record }) => ({ host, name: record.definition.name, state: record.state })),
  );

/** Behind the agent's back. @returns when the driver told it */
function switched({ host, guest, on }: Extract<Ask, { ask: 'switch' }>): number {
  const found = worlds.get(host)?.named(guest);
  if (!found) throw new Error(`no guest ${guest} on ${host}`);
  const at = monotonicMs();
  if (on) found.start(false);
  else found.poweroff();
  return at;
}

function answerTo(ask: Ask): unknown {
  if (ask.ask === 'truth') return truth();
  if (ask.ask === 'connections') return connections;
  return switched(ask);
}

process.on('message', (ask: Ask) => process.send?.({ id: ask.id, answer: answerTo(ask) }));
process.on('disconnect', () => process.exit(0));
for (let at = 0; at < plan.hosts.length; at += BEGUN_AT_ONCE)
  await Promise.all(plan.hosts.slice(at, at + BEGUN_AT_ONCE).map(begin));
process.send?.({ id: 0, answer: 'begun' });
