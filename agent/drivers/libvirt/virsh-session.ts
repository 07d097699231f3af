import { Failure } from '#shared/errors.ts';
import { commandLine } from './quote.ts';
import { type VirshProcess, virshProcess } from './virsh-process.ts';

// Responsibilities: one `virsh` that is always there for the next command, and a time limit for each command.
//
// Theory of operation: commands wait in a queue and go one by one. The limit of a command counts from when it was asked.
// One that nobody waits for any more is left out, or, when it is under way already, has a short while to end.
//
// What can go wrong: virsh hangs (it is killed at the limit of the command under way, and made anew for the next);
// virsh ends (the command under way fails, the next has a new one).

export interface VirshSession {
  /** Words of one command. Resolves with stdout. @throws VirshError, Failure host-timeout, the signal's reason */
  ask(words: readonly string[], timeoutMs: number, signal: AbortSignal): Promise<string>;
  /** Commands that wait or are under way. */
  readonly load: number;
  close(): Promise<void>;
}

/** virsh said that it could not. The driver makes a row of the table of it. */
export class VirshError extends Error {
  readonly command: string;
  constructor(command: string, stderr: string) {
    super(stderr);
    this.name = 'VirshError';
    this.command = command;
  }
}

interface Request {
  line: string;
  /** For messages: the command and what it is about. */
  name: string;
  resolve(out: string): void;
  reject(error: unknown): void;
}

const ABANDONED_MS = 2_000;

/** A session on a connection URI. No process is there before the first command. */
export function virshSession(uri: string): VirshSession {
  const queue = requestQueue(uri);
  return {
    get load() {
      return queue.load();
    },
    ask: async (words, timeoutMs, signal) => {
      signal.throwIfAborted();
      const { promise, resolve, reject } = Promise.withResolvers<string>();
      const request: Request = { line: commandLine(words), name: words.slice(0, 2).join(' '), resolve, reject };
      const timer = setTimeout(() => {
        reject(new Failure('host-timeout', { command: `virsh ${request.name}`, timeoutS: timeoutMs / 1_000 }));
        queue.drop(request, 0);
      }, timeoutMs);
      const onAbort = () => {
        reject(signal.reason);
        queue.drop(request, ABANDONED_MS);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      queue.add(request);
      try {
        return await promise;
      } finally {
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
      }
    },
    close: () => queue.close(),
  };
}

/** Requests one by one to a virsh that is made when it is needed. */
function requestQueue(uri: string) {
  const waiting: Request[] = [];
  const dying = new Set<Promise<void>>();
  let current: Request | undefined;
  let virsh: VirshProcess | undefined;
  let closed = false;

  const discard = () => {
    const death = virsh?.kill().finally(() => dying.delete(death ?? Promise.resolve()));
    virsh = undefined;
    if (death) dying.add(death);
  };
  const next = async () => {
    if (current || closed) return;
    const request = waiting.shift();
    if (!request) return;
    current = request;
    if (!virsh?.alive) virsh = virshProcess(uri);
    const { out, problem } = await virsh.exchange(request.line);
    if (problem) request.reject(new VirshError(request.name, problem));
    else request.resolve(out);
    if (current !== request) return; // dropped meanwhile, and the next is under way with another virsh
    current = undefined;
    next();
  };
  return {
    load: () => waiting.length + (current ? 1 : 0),
    add: (request: Request) => {
      if (closed) return request.reject(new VirshError(request.name, 'the connection was closed'));
      waiting.push(request);
      next();
    },
    /** Nobody waits for it any more: leave it out, or kill its virsh unless it ends within that time. */
    drop: (request: Request, graceMs: number) => {
      const place = waiting.indexOf(request);
      if (place >= 0) waiting.splice(place, 1);
      const kill = () => {
        if (current !== request) return;
        current = undefined;
        discard();
        next();
      };
      if (graceMs > 0) setTimeout(kill, graceMs).unref();
      else kill();
    },
    close: async () => {
      closed = true;
      for (const request of [current, ...waiting.splice(0)]) {
        request?.reject(new VirshError(request.name, 'the connection was closed'));
      }
      current = undefined;
      discard();
      await Promise.all(dying);
    },
  };
}
