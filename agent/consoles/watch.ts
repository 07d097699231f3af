import type { Clock } from '#shared/clock.ts';
import { plainText, restOfLetter, wholeBytes } from './plain-text.ts';
import type { Ring } from './ring.ts';

/** Where what a guest writes is sent. The keeper does not know what carries it. */
export interface ConsoleSend {
  /** To somebody who reads. */
  text(to: string, body: string): Promise<void>;
  /** To a program. Places count bytes. */
  bytes(to: string, piece: { guest: string; from: number; next: number; bytes: Uint8Array }): Promise<void>;
  /** Whoever watches may do so no more. */
  cut(to: string, style: WatchDeps['style'], guest: string): Promise<void>;
}

/** Somebody watches one console until the lease ends. */
export interface ConsoleWatch {
  /** There is more in the ring. */
  stir(): void;
  renew(ms: number): void;
  end(): void;
}

export interface WatchDeps {
  guest: string;
  to: string;
  /** text: for people, gathered and made plain; bytes: for programs, as they are. */
  style: 'text' | 'bytes';
  ring: Ring;
  clock: Clock;
  send: ConsoleSend;
  /** The lease has ended. */
  expired(): void;
}

interface Style {
  /** Output is gathered so long, so that a line does not come letter by letter. */
  gatherMs: number;
  /** As much in one message. */
  bytesMax: number;
  /** Who is further behind than this is told how much was left out. */
  behindMax: number;
  /** Messages in any ten seconds. */
  messagesMax: number;
}

const STYLES: Readonly<Record<WatchDeps['style'], Style>> = {
  text: { gatherMs: 300, bytesMax: 2048, behindMax: 2048, messagesMax: 10 },
  bytes: { gatherMs: 20, bytesMax: 8192, behindMax: 65_536, messagesMax: 100 },
};
const WINDOW_MS = 10_000;

export function consoleWatch(deps: WatchDeps): ConsoleWatch {
  const { ring, clock, style } = deps;
  const { gatherMs, messagesMax } = STYLES[style];
  const sentAtMs: number[] = [];
  let next = ring.end;
  let callOff: (() => void) | undefined;
  let endLease = (): void => {};
  let isSending = false;
  let isOver = false;

  const stir = (): void => {
    if (isOver || isSending || callOff || next >= ring.end) return;
    const now = clock.now();
    while (sentAtMs.length > 0 && (sentAtMs[0] ?? 0) <= now - WINDOW_MS) sentAtMs.shift();
    const isFull = sentAtMs.length >= messagesMax;
    const waitMs = isFull ? (sentAtMs[0] ?? now) + WINDOW_MS - now : gatherMs;
    callOff = clock.after(waitMs, () => {
      callOff = undefined;
      void flush();
    });
  };
  const flush = async (): Promise<void> => {
    isSending = true;
    const held = next;
    const sending = style === 'text' ? sendText() : sendBytes();
    if (sending) sentAtMs.push(clock.now());
    // What cannot be sent now is missed: the reader sees the gap, and can ask for what is kept.
    await sending?.catch(() => {});
    isSending = false;
    // A letter that is not whole yet waits for more output, not for time.
    if (next > held) stir();
  };
  const skip = (): number => {
    const { behindMax, bytesMax } = STYLES[style];
    const from = ring.end - next > behindMax ? ring.end - bytesMax : Math.max(next, ring.start);
    const leftOut = from - next;
    next = from;
    return leftOut;
  };
  const sendText = (): Promise<void> | undefined => {
    const leftOut = skip();
    const bytes = ring.slice(next, next + STYLES.text.bytesMax);
    const cut = leftOut > 0 ? restOfLetter(bytes) : 0;
    const whole = wholeBytes(bytes) || (bytes.length >= STYLES.text.bytesMax ? bytes.length : 0);
    next += whole;
    const text = plainText(bytes.subarray(cut, whole)).replace(/^\n+|\s+$/g, '');
    if (text === '' && leftOut === 0) return undefined;
    const note =
      leftOut > 0 ? `… ${leftOut} bytes left out; see them with: console read ${deps.guest} lines=100\n` : '';
    return deps.send.text(deps.to, `${deps.guest}:\n${note}${text}`);
  };
  const sendBytes = (): Promise<void> | undefined => {
    skip();
    const from = next;
    const bytes = ring.slice(from, Math.min(ring.end, from + STYLES.bytes.bytesMax));
    next += bytes.length;
    return bytes.length > 0 ? deps.send.bytes(deps.to, { guest: deps.guest, from, next, bytes }) : undefined;
  };
  const end = (): void => {
    isOver = true;
    callOff?.();
    endLease();
  };

  return {
    stir,
    end,
    renew(ms) {
      endLease();
      endLease = clock.after(ms, () => {
        end();
        deps.expired();
      });
    },
  };
}
