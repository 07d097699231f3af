import { Failure } from '#shared/errors.ts';

export interface KeysDeps {
  send(text: string): Promise<unknown>;
  onRefused(failure: Failure): void;
  input?: Input;
}
type Input = Pick<NodeJS.ReadStream, 'on' | 'off' | 'pause' | 'isTTY'> & Partial<Pick<NodeJS.ReadStream, 'setRawMode'>>;

/** Ctrl-], as telnet and virsh have it. */
const LEAVE = 0x1d;
const BYTES_EACH = 1_000;

/**
 * What is typed goes to the guest in the order in which it was typed; what is typed while one send is under way goes with the
 * next. On a terminal each key goes at once and as it is; Ctrl-] leaves. From a pipe, its end leaves.
 */
export function consoleKeys({ send, onRefused, input = process.stdin }: KeysDeps) {
  const left = Promise.withResolvers<void>();
  left.promise.catch(() => {});
  let waiting = Buffer.alloc(0);
  let sending: Promise<void> | undefined;

  const sendAll = async (): Promise<void> => {
    while (waiting.length > 0) {
      const bytes = waiting.subarray(0, BYTES_EACH);
      waiting = waiting.subarray(bytes.length);
      await send(escaped(bytes)).catch(refused);
    }
    sending = undefined;
  };
  const refused = (error: unknown): void => {
    waiting = Buffer.alloc(0);
    if (!(error instanceof Failure)) throw error;
    onRefused(error);
  };
  const leave = (): void => void (sending ?? Promise.resolve()).then(left.resolve, left.reject);
  const typed = (bytes: Buffer): void => {
    const end = input.isTTY ? bytes.indexOf(LEAVE) : -1;
    waiting = Buffer.concat([waiting, end < 0 ? bytes : bytes.subarray(0, end)]);
    // With nothing to send it would end before it is noted as begun, and count as under way for ever.
    if (waiting.length > 0) {
      sending ??= sendAll();
      sending.catch(left.reject);
    }
    if (end >= 0) leave();
  };

  input.setRawMode?.(true);
  input.on('data', typed);
  input.on('end', leave);
  process.on('SIGTERM', leave);
  process.on('SIGHUP', leave);
  return {
    /** Whoever types has left, and what was typed before is sent. */
    left: left.promise,
    end(): void {
      input.off('data', typed);
      input.off('end', leave);
      process.off('SIGTERM', leave);
      process.off('SIGHUP', leave);
      input.setRawMode?.(false);
      input.pause();
    },
  };
}

/** Bytes as `console.send` takes them: \xNN for what is not plain text. */
export const escaped = (bytes: Uint8Array): string =>
  [...bytes]
    .map((byte) =>
      byte >= 0x20 && byte < 0x7f && byte !== 0x5c
        ? String.fromCharCode(byte)
        : `\\x${byte.toString(16).padStart(2, '0')}`,
    )
    .join('');
