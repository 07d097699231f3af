import { open, readFile, stat } from 'node:fs/promises';
import { environmentOf, parametersIn } from '#agent/drivers/boot-environment.ts';
import type { GuestId } from '#agent/drivers/driver.ts';
import { haltSignal, initAt, rebootSignal } from '#agent/drivers/init-signals.ts';
import type { Command } from '#agent/exec/run.ts';
import { isMissing } from '#agent/files/folder.ts';
import { Failure, messageOf } from '#shared/errors.ts';
import type { BootParameter } from '#shared/model/boot-parameter.ts';
import { type GuestState, isActive } from '#shared/model/guest.ts';
import { settingOf } from './config-text.ts';
import { consoleLog, type Ground, startLog, tool } from './ground.ts';
import { errorsIn } from './output.ts';
import { readConfig, readNow, readZone, type Zone } from './reading.ts';
import { inStartTurn } from './roots.ts';
import { mendRoot } from './snapshots.ts';
import { guestState } from './states.ts';
import { consoleLogIn } from './zone-config.ts';

const START_MS_MAX = 60_000;
/** What is kept of a console that no configuration gave a log of its own: twice as much at most. */
const CONSOLE_LOG_SIZE = '1MB';
const IS_RUNNING = 'Container is already running';

/**
 * Start a zone; it runs when this returns.
 *
 * lxc-start says 0 of one that runs already, and why it could not only in its log: so the log is read, from where it ended before. One
 * start after the other, since all of a zone write the same.
 */
export async function startGuest(
  ground: Ground,
  id: GuestId,
  options: { paused: boolean; params: readonly BootParameter[] },
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const name = await ground.zones.nameOf(id);
  if (options.paused)
    throw new Failure('verb-unsupported', { driver: 'lxc', host: ground.host, verb: 'guest.start with paused' });
  await inStartTurn(ground, name, () => startDefined(ground, name, options.params, signal));
}

async function startDefined(
  ground: Ground,
  name: string,
  params: readonly BootParameter[],
  signal: AbortSignal,
): Promise<void> {
  const config = await readConfig(ground, name);
  if (settingOf(config, 'lxc.rootfs.path') === undefined && settingOf(config, 'lxc.include') === undefined)
    throw new Failure('host-command', {
      problem: `${name} names no root (lxc.rootfs.path): it would run on the host's own`,
    });
  await mendRoot(ground, name, config);
  const own = consoleLogIn(config) === undefined ? ownConsole(consoleLog(ground, name)) : [];
  const words = environmentOf(params).flatMap((word) => ['-s', `lxc.environment=${word}`]);
  await start(ground, name, [...own, ...words], signal);
}

async function start(ground: Ground, name: string, args: readonly string[], signal: AbortSignal): Promise<void> {
  const log = startLog(ground, name);
  const before = await sizeOf(log);
  const command = tool(ground, 'lxc-start', name, '-d', '-o', log, '-l', 'ERROR', ...args);
  const failed = await ground.run({ ...command, timeoutMs: START_MS_MAX }, signal).then(() => undefined, failureIn);
  const errors = errorsIn(await textFrom(log, before));
  if (errors.includes(IS_RUNNING)) {
    const state = guestState((await readNow(ground, name, signal)).state);
    // It may have ended since: then it was not started all the same.
    const told = isActive(state) ? state : 'running';
    throw new Failure('guest-wrong-state', { guest: name, state: told, verb: 'guest.start', needed: 'shutoff' });
  }
  if (failed)
    throw new Failure('host-command', { ...failed.details, problem: whyNot(errors, failed) }, { cause: failed });
}

/** The first error is the cause of all others. */
const whyNot = (errors: readonly string[], failed: Failure): string =>
  errors.slice(0, 2).join(': ') || String(failed.details.problem ?? failed.message);

const ownConsole = (file: string): string[] => [
  ...['-s', `lxc.console.logfile=${file}`],
  ...['-s', `lxc.console.size=${CONSOLE_LOG_SIZE}`, '-s', 'lxc.console.rotate=1'],
];

function failureIn(error: unknown): Failure {
  if (error instanceof Failure && error.code === 'host-command') return error;
  throw error;
}

const sizeOf = (file: string): Promise<number> =>
  stat(file).then(
    ({ size }) => size,
    () => 0,
  );

export async function textFrom(file: string, from: number): Promise<string> {
  try {
    await using handle = await open(file, 'r');
    const { size } = await handle.stat();
    const buffer = Buffer.alloc(Math.max(0, Math.min(size - from, 65_536)));
    await handle.read(buffer, 0, buffer.length, from);
    return buffer.toString('utf8');
  } catch (error) {
    if (isMissing(error)) return '';
    throw new Failure('host-command', { problem: messageOf(error) }, { cause: error });
  }
}

/** What runs was given at its start; nothing for one that is off. */
export async function readParams(ground: Ground, id: GuestId, signal: AbortSignal): Promise<BootParameter[]> {
  const { now } = await readZone(ground, id, signal);
  if (now.pid === undefined) return [];
  return parametersIn(await readFile(`/proc/${now.pid}/environ`, 'utf8').catch(() => ''));
}

const RUNNING: readonly GuestState[] = ['running'];
const ON: readonly GuestState[] = ['running', 'paused', 'shutdown'];

/** The zone, where it is in one of these states. @throws Failure guest-wrong-state */
export async function zoneIn(
  ground: Ground,
  id: GuestId,
  verb: string,
  needed: readonly GuestState[],
  signal: AbortSignal,
): Promise<Zone> {
  const zone = await readZone(ground, id, signal);
  const state = guestState(zone.now.state);
  if (needed.includes(state)) return zone;
  throw new Failure('guest-wrong-state', { guest: zone.name, state, verb, needed: needed[0] });
}

/** Do something to a zone. LXC does not say why it could not: where its state has changed meanwhile, that is why. */
async function act(
  ground: Ground,
  id: GuestId,
  verb: string,
  needed: readonly GuestState[],
  commandFor: (zone: Zone) => Promise<Command>,
  signal: AbortSignal,
): Promise<void> {
  const zone = await zoneIn(ground, id, verb, needed, signal);
  try {
    await ground.run(await commandFor(zone), signal);
  } catch (error) {
    failureIn(error);
    await zoneIn(ground, id, verb, needed, signal);
    throw error;
  }
}

/** Ask: a zone that needs longer, or never obeys, is not killed. */
export async function shutdownGuest(ground: Ground, id: GuestId, signal: AbortSignal): Promise<void> {
  const command = async (zone: Zone): Promise<Command> => {
    const own =
      settingOf(zone.config, 'lxc.signal.halt') === undefined ? haltSignal(await initAt(zone.now.pid)) : undefined;
    return asking(ground, zone, own, ['--nokill', '--nowait']);
  };
  await act(ground, id, 'guest.shutdown', RUNNING, command, signal);
}

export async function rebootGuest(ground: Ground, id: GuestId, signal: AbortSignal): Promise<void> {
  const command = async (zone: Zone): Promise<Command> => {
    const own =
      settingOf(zone.config, 'lxc.signal.reboot') === undefined ? rebootSignal(await initAt(zone.now.pid)) : undefined;
    return asking(ground, zone, own, ['-r', '--nowait']);
  };
  await act(ground, id, 'guest.reboot', RUNNING, command, signal);
}

/** By LXC's own way, unless the zone's init is known to hear another signal only. */
const asking = (ground: Ground, { name, now }: Zone, own: string | undefined, args: readonly string[]): Command =>
  own === undefined
    ? tool(ground, 'lxc-stop', name, ...args)
    : { file: 'kill', args: [`-${own}`, '--', `${now.pid}`], timeoutMs: START_MS_MAX };

export async function poweroffGuest(ground: Ground, id: GuestId, signal: AbortSignal): Promise<void> {
  await act(ground, id, 'guest.poweroff', ON, async ({ name }) => tool(ground, 'lxc-stop', name, '-k'), signal);
}

export async function suspendGuest(ground: Ground, id: GuestId, signal: AbortSignal): Promise<void> {
  await act(ground, id, 'guest.suspend', RUNNING, async ({ name }) => tool(ground, 'lxc-freeze', name), signal);
}

export async function resumeGuest(ground: Ground, id: GuestId, signal: AbortSignal): Promise<void> {
  await act(ground, id, 'guest.resume', ['paused'], async ({ name }) => tool(ground, 'lxc-unfreeze', name), signal);
}
