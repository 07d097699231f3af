import { setTimeout as delay } from 'node:timers/promises';
import type { EjabberdApi } from '#shared/ejabberd/api.ts';

const START_MS_MAX = 60_000;
const ASK_AGAIN_MS = 30;

/**
 * Wait until ejabberd answers. It tells nobody when it is ready, so it is asked. Its API is the last of its listeners to
 * come up.
 * @param hasEnded whether there is nobody to wait for any more
 * @throws Failure server-unreachable, peer-refused
 */
export async function answering(api: EjabberdApi, hasEnded: () => boolean = () => false): Promise<void> {
  const end = performance.now() + START_MS_MAX;
  for (;;) {
    try {
      await api('status', {});
      return;
    } catch (error) {
      if (hasEnded() || performance.now() > end) throw error;
    }
    await delay(ASK_AGAIN_MS);
  }
}
