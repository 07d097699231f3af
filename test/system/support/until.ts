import { setTimeout as delay } from 'node:timers/promises';

/** What takes seconds takes several times as long on a busy machine. */
const WAIT_MS_MAX = 60_000;
const AGAIN_MS = 30;

/** Look until there is something. @throws Error where there is nothing for so long */
export async function until<T>(what: string, look: () => Promise<T | undefined>, waitMsMax = WAIT_MS_MAX): Promise<T> {
  const giveUpAt = performance.now() + waitMsMax;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > giveUpAt) throw new Error(`waited ${waitMsMax} ms, in vain: ${what}`);
    await delay(AGAIN_MS);
  }
}
