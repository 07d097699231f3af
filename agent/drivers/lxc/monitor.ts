import { constants, open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Run } from '#agent/exec/run.ts';
import { lines, type Session, startSession } from '#agent/exec/session.ts';
import { Failure } from '#shared/errors.ts';
import { within } from '#shared/within.ts';
import { parseChange } from './output.ts';
import type { ZoneState } from './states.ts';

// Responsibilities: tell of each change of a zone's state as LXC tells it, to any number of listeners, by one process.
//
// Theory of operation: one `lxc-monitor` while anybody listens. Zones write what happens into a pipe, from which a daemon of LXC's,
// started by lxc-monitor, hands it on. lxc-monitor does not say when it has begun to listen, and what happens before that is lost.
// So a change of a zone that does not exist is written into the pipe until it comes back.
//
// What can go wrong: the daemon ends, and lxc-monitor with it: listeners are told once, and listen anew. This program is killed:
// then the kernel ends lxc-monitor, and the daemon ends by itself half a minute later.

export interface ZoneMonitor {
  /** Resolves when nothing that happens from now on is missed. @throws Failure host-command, the signal's reason */
  listen(listener: ZoneListener, signal: AbortSignal): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

export interface ZoneListener {
  onState(name: string, state: ZoneState): void;
  /** Called once: there is nothing more to come. */
  onBreak(problem: Error): void;
}

export interface MonitorDeps {
  folder: string;
  run: Run;
  log: Pick<Logger, 'warn'>;
}

const RUN_FOLDER = '/run/lxc';
const READY_MS_MAX = 10_000;
const ASK_AGAIN_MS = 20;
const QUIT_MS_MAX = 1_000;

interface Stream {
  session: Session;
  ready: Promise<void>;
  isOver: boolean;
}

export function zoneMonitor({ folder, run, log }: MonitorDeps): ZoneMonitor {
  const listeners = new Set<ZoneListener>();
  const pipe = join(RUN_FOLDER, folder, 'monitor-fifo');
  let stream: Stream | undefined;
  let wasUsed = false;
  let serial = 0;

  const begin = (): Stream => {
    const mark = `skerry-${process.pid}-${++serial}`;
    const heard = Promise.withResolvers<void>();
    const session = startSession({
      file: 'setpriv',
      args: ['--pdeathsig', 'TERM', 'lxc-monitor', '-P', folder, '-n', '.*'],
      onOut: lines((line) => {
        const change = parseChange(line);
        if (change?.name === mark) heard.resolve();
        else if (change && !made.isOver) for (const each of [...listeners]) each.onState(change.name, change.state);
      }),
      onError: lines((line) => log.warn({ line }, 'lxc-monitor complains')),
    });
    const made: Stream = { session, isOver: false, ready: Promise.resolve() };
    const ended = session.ended.then(({ problem }) => {
      over(made, new Failure('host-command', { problem: `lxc-monitor ended: ${problem}` }));
      throw new Failure('host-command', { problem: `lxc-monitor ended: ${problem}` });
    });
    made.ready = Promise.race([asked(pipe, mark, heard.promise, log), ended]);
    made.ready.catch(() => {}); // who listens is told
    ended.catch(() => {});
    return made;
  };
  const over = (which: Stream, problem: Error): void => {
    if (which.isOver) return;
    which.isOver = true;
    if (stream === which) stream = undefined;
    for (const each of [...listeners]) {
      listeners.delete(each);
      each.onBreak(problem);
    }
  };
  const leave = async (listener: ZoneListener): Promise<void> => {
    listeners.delete(listener);
    if (listeners.size > 0 || !stream) return;
    const last = stream;
    stream = undefined;
    last.isOver = true;
    await last.session.kill();
  };

  return {
    async listen(listener, signal) {
      signal.throwIfAborted();
      wasUsed = true;
      stream ??= begin();
      const { ready } = stream;
      listeners.add(listener);
      try {
        await within(ready, signal);
      } catch (error) {
        await leave(listener);
        throw error;
      }
      return () => leave(listener);
    },
    async close() {
      for (const each of [...listeners]) await leave(each);
      if (!wasUsed) return;
      wasUsed = false;
      // Nobody else may listen: then it goes at once, and else it stays.
      const quit = { file: 'lxc-monitor', args: ['-P', folder, '-Q'], timeoutMs: QUIT_MS_MAX };
      await run(quit, AbortSignal.timeout(QUIT_MS_MAX)).catch(() => {});
      for (const end = performance.now() + QUIT_MS_MAX; performance.now() < end && (await canWrite(pipe)); )
        await pause(ASK_AGAIN_MS);
    },
  };
}

/** Write the mark until it comes back; without an answer in time go on all the same, and say so. */
async function asked(pipe: string, mark: string, heard: Promise<void>, log: MonitorDeps['log']): Promise<void> {
  let isHeard = false;
  const hearing = heard.then(() => {
    isHeard = true;
  });
  for (const end = performance.now() + READY_MS_MAX; !isHeard; ) {
    if (performance.now() > end) {
      log.warn({ pipe }, 'LXC did not say that it listens; an event right now may be lost');
      return;
    }
    await write(pipe, messageOfState(mark));
    await Promise.race([hearing, pause(ASK_AGAIN_MS)]);
  }
}

const NAME_BYTES = 256;
/** LXC's number for STOPPING, which tells nobody anything. */
const STOPPING = 3;

/**
 * A change of state as zones write it.
 *
 * Shape: `struct lxc_msg`: the type as int (0 is a state), the name in 256 bytes, the state as int; in the machine's byte order.
 * Source: LXC src/lxc/monitor.h, the same since 1.0
 */
export function messageOfState(name: string): Buffer {
  const message = Buffer.alloc(4 + NAME_BYTES + 4);
  message.write(name, 4, NAME_BYTES - 1, 'latin1');
  message.writeInt32LE(STOPPING, 4 + NAME_BYTES);
  return message;
}

const NOT_YET: ReadonlySet<unknown> = new Set(['ENOENT', 'ENXIO', 'EAGAIN']);
const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined);

/** Whether somebody reads it: opened so, a pipe without a reader says ENXIO. */
async function write(pipe: string, message?: Buffer): Promise<boolean> {
  try {
    await using handle = await open(pipe, constants.O_WRONLY | constants.O_NONBLOCK);
    if (message) await handle.write(message);
    return true;
  } catch (error) {
    if (NOT_YET.has(codeOf(error))) return false;
    throw new Failure('host-command', { problem: `${pipe}: ${error}` }, { cause: error });
  }
}
const canWrite = (pipe: string): Promise<boolean> => write(pipe);
