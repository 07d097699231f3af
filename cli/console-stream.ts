import type { ConsoleText } from '#shared/model/console.ts';
import type { ConsoleChunk } from '#shared/xmpp/console.ts';

export interface ConsoleStreamDeps {
  /** What is kept: the last lines (no place), or from a place on. */
  read(from?: number): Promise<ConsoleText>;
  show(output: Uint8Array | string): void;
  /** Something that the reader should know: bytes that are gone. */
  note(text: string): void;
}

/**
 * A console as one stream: each byte once and in order, from messages that may come late, twice, or not at all.
 *
 * Messages that come while something is read wait. One that begins behind the place that was reached tells of a gap, and
 * what the agent kept fills it.
 */
export function consoleStream({ read, show, note }: ConsoleStreamDeps) {
  let next: number | undefined;
  const waiting: ConsoleChunk[] = [];
  let last: Promise<void> = Promise.resolve();

  const take = (text: ConsoleText): void => {
    if (text.missed > 0) note(`${text.missed} bytes are gone`);
    show(text.text);
    next = text.next;
  };
  /** From the place that was reached to the end of what is kept. */
  const fill = async (): Promise<void> => {
    for (;;) {
      const text = await read(next);
      if (next !== undefined && text.next < next) {
        note('the agent began to count anew; something may be missing here');
        next = text.next;
        return;
      }
      const reached = next;
      take(text);
      if (reached === undefined || text.next === reached) return;
    }
  };
  /** Show what joins on. The first message that does not is where a gap is. */
  const drain = (): boolean => {
    while (waiting[0] && next !== undefined && waiting[0].from <= next) {
      const chunk = waiting.shift() as ConsoleChunk;
      if (chunk.next <= next) continue;
      show(chunk.bytes.subarray(next - chunk.from));
      next = chunk.next;
    }
    return waiting.length === 0;
  };
  const work = async (): Promise<void> => {
    await fill();
    if (drain()) return;
    await fill();
    if (drain()) return;
    // What was between is kept no more: go on behind it.
    note(`${(waiting[0]?.from ?? 0) - (next ?? 0)} bytes are gone`);
    next = waiting[0]?.from ?? next;
    drain();
  };
  const inTurn = (): Promise<void> => {
    isWorking++;
    last = last.then(work).finally(() => {
      isWorking--;
    });
    return last;
  };
  let isWorking = 0;

  return {
    /** Show the past, or what was missed since. */
    catchUp: inTurn,
    /** A message came. @returns when what it asked for is shown */
    async chunk(chunk: ConsoleChunk): Promise<void> {
      waiting.push(chunk);
      waiting.sort((a, b) => a.from - b.from);
      if (isWorking > 0 || next === undefined) return;
      if (!drain()) await inTurn();
    },
  };
}
