import type { SerialPort } from '#agent/drivers/driver.ts';
import { settled } from './scene.ts';

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
  return {
    /** @returns what was told before it */
    async shows(part: string, limit: AbortSignal): Promise<string> {
      while (!text.includes(part)) await settled(wake.promise, limit, () => `waited for ${part}; read: ${text}`);
      const before = text.slice(0, text.indexOf(part));
      text = text.slice(before.length + part.length);
      return before;
    },
    async ends(limit: AbortSignal) {
      while (!ended) await settled(wake.promise, limit, () => `waited for the end; read: ${text}`);
    },
  };
}
