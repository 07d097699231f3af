import type { SerialPort } from '#agent/drivers/driver.ts';
import type { DriverHarness } from './driver-harness.ts';
import { settled } from './scene.ts';

/** Whoever began to listen a moment too late for a guest's word that it is up learns it by typing. */
const TYPE_AFTER_MS = 5_000;

type Console = NonNullable<DriverHarness['console']>;

/** What a port has told so far, to be waited for. */
export function readerOf(port: SerialPort) {
  let text = '';
  let ended = false;
  let wake = Promise.withResolvers<void>();
  const stir = () => {
    wake.resolve();
    wake = Promise.withResolvers();
  };
  port.onData((chunk) => {
    text += Buffer.from(chunk).toString('latin1');
    stir();
  });
  port.onEnd(() => {
    ended = true;
    stir();
  });
  /** @returns what was told before it */
  const shows = async (part: string, limit: AbortSignal): Promise<string> => {
    while (!text.includes(part)) await settled(wake.promise, limit, () => `waited for ${part}; read: ${text}`);
    const before = text.slice(0, text.indexOf(part));
    text = text.slice(before.length + part.length);
    return before;
  };
  return {
    shows,
    /** Until the guest says that it is up, or answers to what is typed. */
    async comesUp({ up, type, shows: shown }: Console, limit: AbortSignal): Promise<void> {
      for (let part = up; ; part = shown) {
        const round = AbortSignal.any([limit, AbortSignal.timeout(TYPE_AFTER_MS)]);
        const isShown = await shows(part, round).then(
          () => true,
          (error: unknown) => {
            if (limit.aborted) throw error;
            return false;
          },
        );
        if (isShown) return;
        await port.write(Buffer.from(type));
      }
    },
    async ends(limit: AbortSignal) {
      while (!ended) await settled(wake.promise, limit, () => `waited for the end; read: ${text}`);
    },
  };
}
