import type { SerialPort } from '#agent/drivers/driver.ts';
import { newsIn, overlap } from './joining.ts';
import type { Ring } from './ring.ts';

export interface PastDeps {
  /** Of the guest. */
  name: string;
  keepBytes: number;
  log: Record<'warn', (fields: object, message: string) => void>;
}

export interface Taking {
  ring: Ring;
  take(bytes: Uint8Array): void;
  /** The port is alive. */
  heard(): void;
  /** Told of the past before it is taken. */
  joins(history: Uint8Array): void;
}

/** Where the mark ends in what the log has; 0 where the log does not reach back so far, or was begun anew. */
export function endOf(mark: Uint8Array, history: Uint8Array): number {
  if (mark.length === 0) return 0;
  const at = Buffer.from(history.buffer, history.byteOffset, history.length).lastIndexOf(mark);
  return at < 0 ? 0 : at + mark.length;
}

/** Take what a port that was just opened sends, after what the log has of the time before. Resolves when the past is taken. */
export async function joined(
  opened: SerialPort,
  deps: PastDeps,
  { ring: kept, take, heard, joins }: Taking,
): Promise<void> {
  let early: Uint8Array[] | undefined = [];
  opened.onData((bytes) => {
    heard();
    if (early) early.push(Uint8Array.from(bytes));
    else take(bytes);
  });
  const history = await historyOf(opened, deps);
  joins(history);
  take(newsIn(history, kept.slice(kept.start)));
  const live = Buffer.concat(early);
  early = undefined;
  take(live.subarray(overlap(history, live)));
}

async function historyOf(opened: SerialPort, { keepBytes, name, log }: PastDeps): Promise<Uint8Array> {
  try {
    return (await opened.history?.(keepBytes)) ?? new Uint8Array();
  } catch (error) {
    log.warn({ guest: name, err: error }, 'console log cannot be read, its past is missing');
    return new Uint8Array();
  }
}
