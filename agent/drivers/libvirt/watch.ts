import type { GuestEventListener, Watch } from '#agent/drivers/driver.ts';
import { lines, type SessionEnd, startSession } from '#agent/exec/session.ts';
import { Failure } from '#shared/errors.ts';
import { parseEvent } from './events.ts';
import { failureOf } from './failures.ts';
import type { Ground } from './ground.ts';
import { VirshError } from './virsh-session.ts';

// Responsibilities: tell of libvirt's events as they come, and say when they stop coming.
//
// Theory of operation: one `virsh event --loop --all`, a line an event. It says nothing when it begins to listen, and
// an event before that would be lost. libvirt's own log shows each registration as it is begun; they are made one by
// one and lifecycle is the first, so when the second is begun lifecycle events are on their way. Keepalive messages end
// the connection to a libvirtd that hangs; virsh then ends, as it does when libvirtd goes.
//
// What can go wrong: another libvirt logs otherwise; then the watch begins after a limit, with a warning. The agent is
// killed; then the kernel ends virsh.

const KEEPALIVE = ['-k', '5', '-K', '3'];
const LOGS_REGISTRATION = /virConnectDomainEventRegisterAny:/;
const LISTENING_MS_MAX = 10_000;

const ENV = {
  LC_ALL: 'C.UTF-8',
  LIBVIRT_DEBUG: 'debug',
  LIBVIRT_LOG_FILTERS: '1:libvirt',
  LIBVIRT_LOG_OUTPUTS: '1:stderr',
};

/** Watch all guests of a connection. */
export async function watchEvents(
  { uri, log, host }: Pick<Ground, 'uri' | 'log' | 'host'>,
  listener: GuestEventListener,
  onBreak: (problem: Error) => void,
  signal: AbortSignal,
): Promise<Watch> {
  signal.throwIfAborted();
  const errors: string[] = [];
  const listening = Promise.withResolvers<void>();
  let registrations = 0;
  let stopped = false;

  const session = startSession({
    file: 'setpriv',
    args: ['--pdeathsig', 'TERM', 'virsh', '-q', ...KEEPALIVE, '-c', uri, 'event', '--loop', '--all', '--timestamp'],
    env: ENV,
    onOut: lines((line) => {
      const event = stopped ? undefined : parseEvent(line);
      if (event) listener(event);
    }),
    onError: lines((line) => {
      if (line.startsWith('error: ')) errors.push(line);
      else if (LOGS_REGISTRATION.test(line) && ++registrations === 2) listening.resolve();
    }),
  });
  const broken = session.ended.then((end) => brokenOff(host, errors, end));
  const stop = async () => {
    stopped = true;
    await session.kill();
  };
  const timer = setTimeout(() => {
    log.warn({ uri }, 'libvirt did not say that it listens; an event right now may be lost');
    listening.resolve();
  }, LISTENING_MS_MAX);
  const onAbort = () => listening.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await Promise.race([listening.promise, broken.then((problem) => Promise.reject(problem))]);
  } catch (error) {
    await stop();
    throw error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
  broken.then((problem) => {
    if (!stopped) onBreak(problem);
  });
  return { stop };
}

/** Why the events stopped coming. */
function brokenOff(host: string, errors: readonly string[], end: SessionEnd): Error {
  const failure = failureOf(new VirshError('event', errors.join('\n') || end.problem), { host });
  return failure instanceof Failure ? failure : new Error(end.problem);
}
