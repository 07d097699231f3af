import { readFile, readlink } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { type Session, startSession } from '#agent/exec/session.ts';
import type { Ground } from './ground.ts';

// Responsibilities: bytes onto the console of a zone.
//
// Theory of operation: lxc-console alone has a way in, to one client at a time, and wants a terminal, which runuser gives it. It is
// started at the first byte and ended when nothing was typed for a while, so that people on the host can have the console too. What it
// shows is dropped: the console's log has it. One byte of LXC's own choice begins commands to lxc-console, and is sent twice.
//
// lxc-console says that it is connected before it has set its terminal to raw, which drops what was typed until then: so that is waited
// for, as stty shows it.
//
// What can go wrong: somebody else has the console; then lxc-console ends at once, and who typed is told.

export interface Typing {
  /** @throws Error with what lxc-console said */
  write(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** Ctrl-Q, which a terminal in raw mode gives no meaning to. */
const ESCAPE = '^q';
const ESCAPE_BYTE = 0x11;
const CONNECTED = /Connected to tty 0/;
const IDLE_MS = 10_000;
const CONNECT_MS_MAX = 10_000;

export function typing(ground: Pick<Ground, 'folder' | 'run'>, name: string): Typing {
  let current: Promise<Session> | undefined;
  let idle: NodeJS.Timeout | undefined;
  let tail: Promise<unknown> = Promise.resolve();

  const leave = async (): Promise<void> => {
    clearTimeout(idle);
    const session = await current?.catch(() => undefined);
    current = undefined;
    if (!session) return;
    // An end of input would be typed as Ctrl-D, at which a shell ends.
    session.write(String.fromCharCode(ESCAPE_BYTE, 'q'.charCodeAt(0)));
    const late = setTimeout(() => void session.kill(), 1_000);
    await session.ended;
    clearTimeout(late);
  };
  const send = async (bytes: Uint8Array): Promise<void> => {
    clearTimeout(idle);
    current ??= connect(ground, name, () => {
      current = undefined;
    });
    let session: Session;
    try {
      session = await current;
    } catch (error) {
      current = undefined;
      throw error;
    }
    session.write(escaped(bytes));
    idle = setTimeout(() => void leave(), IDLE_MS);
    idle.unref();
  };
  return {
    write: (bytes) => {
      const mine = tail.catch(() => {}).then(() => send(bytes));
      tail = mine;
      return mine;
    },
    close: async () => {
      await tail.catch(() => {});
      await leave();
    },
  };
}

/** The byte that begins commands is sent twice, and all others as they are: a letter may come in pieces, or be none of UTF-8. */
export const escaped = (bytes: Uint8Array): Uint8Array =>
  Uint8Array.from(Array.from(bytes).flatMap((byte) => (byte === ESCAPE_BYTE ? [byte, byte] : [byte])));

/** @throws Error with what lxc-console said */
async function connect(
  { folder, run }: Pick<Ground, 'folder' | 'run'>,
  name: string,
  onEnd: () => void,
): Promise<Session> {
  const connected = Promise.withResolvers<void>();
  let said = '';
  const hear = (chunk: string): void => {
    if (said.length > 2_000) return;
    said += chunk;
    if (CONNECTED.test(said)) connected.resolve();
  };
  const console = ['lxc-console', '-P', folder, '-n', name, '-t', '0', '-e', ESCAPE];
  const session = startSession({
    file: 'setpriv',
    args: ['--pdeathsig', 'KILL', 'runuser', '-u', 'root', '--pty', '--', ...console],
    onOut: hear,
    onError: hear,
  });
  const ended = session.ended.then(() => {
    onEnd();
    throw new Error(`lxc-console: ${said.trim() || 'it ended'}`);
  });
  ended.catch(() => {});
  const timer = setTimeout(
    () => connected.reject(new Error(`lxc-console: ${said.trim() || 'it does not connect'}`)),
    CONNECT_MS_MAX,
  );
  try {
    await Promise.race([connected.promise.then(() => becomesRaw(run, session.pid)), ended]);
    return session;
  } catch (error) {
    await session.kill();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

const LOOK_AGAIN_MS = 10;

/** Wait until the terminal of a process's only child hands on every byte as it comes. */
async function becomesRaw(run: Ground['run'], pid: number | undefined): Promise<void> {
  const limit = AbortSignal.timeout(CONNECT_MS_MAX);
  for (;;) {
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
    const terminal = await readlink(`/proc/${children.trim().split(' ')[0]}/fd/0`);
    const modes = await run({ file: 'stty', args: ['-F', terminal, '-a'], timeoutMs: CONNECT_MS_MAX }, limit);
    if (/(^|\s)-icanon\b/.test(modes)) return;
    await pause(LOOK_AGAIN_MS, undefined, { signal: limit });
  }
}
