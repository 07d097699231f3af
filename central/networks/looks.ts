/**
 * Responsibilities: have legs of hosts on networks, from which probes look, as long as somebody looks.
 *
 * Theory of operation: who looks first has the leg made, and all who look after use it too. From time to time those that nobody has held for
 * a while are taken away. Hosts that are away hear of it when they are back.
 *
 * What can go wrong: somebody wants a leg that is just being taken away. It waits for that, and makes the leg again.
 */
import { randomUUID } from 'node:crypto';
import type { Clock } from '#shared/clock.ts';
import { Failure } from '#shared/errors.ts';
import type { NetworkBook } from './book.ts';
import { heldLooks } from './held-looks.ts';
import { idOfRow, type NetworkState, withoutRow } from './state.ts';

export interface LooksDeps {
  book: Pick<NetworkBook, 'state' | 'change'>;
  clock: Pick<Clock, 'now' | 'after'>;
  log: Record<'warn', (fields: object, message: string) => void>;
  onBug(error: unknown): void;
}

export interface Looks {
  /**
   * @param make makes the leg, where there is none yet
   * @throws what `make` throws
   */
  from(network: string, host: string, make: () => Promise<unknown>): Promise<Disposable>;
  stop(): void;
}

const RELEASE_MS = 60_000;

export function looks({ book, clock, log, onBug }: LooksDeps): Looks {
  const held = heldLooks(clock);
  let releasing: Promise<unknown> = Promise.resolve();
  let callOff = (): void => {};

  const withoutIdle = (state: NetworkState): NetworkState =>
    [...state.looks.keys()]
      .filter((id) => held.isIdle(id))
      .reduce((before, id) => withoutRow(before, 'looks', id), state);
  const release = async (): Promise<void> => {
    if (withoutIdle(book.state) !== book.state) await book.change(`released ${randomUUID()}`, withoutIdle);
  };
  const again = (): void => {
    callOff = clock.after(RELEASE_MS, () => {
      again();
      releasing = release().catch((error: unknown) => {
        if (!(error instanceof Failure)) return onBug(error);
        log.warn({ problem: error.message }, 'legs that nobody looks from are still there');
      });
    });
  };
  again();

  return {
    from: async (network, host, make) => {
      const id = idOfRow('looks', { network, host });
      using stack = new DisposableStack();
      stack.use(held.hold(id));
      // One that is just being taken away is made again.
      await releasing;
      if (!book.state.looks.has(id)) await make();
      return stack.move();
    },
    stop: () => callOff(),
  };
}
