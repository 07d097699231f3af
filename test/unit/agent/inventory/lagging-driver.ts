import type { GuestEvent, HypervisorDriver } from '#agent/drivers/driver.ts';
import { fakeDriver } from '#agent/drivers/fake/driver.ts';
import type { FakeWorld } from '#agent/drivers/fake/world.ts';

/** So many turns of the event loop. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

export interface Lag {
  /** Turns from what a read sees to its answer. */
  read(): number;
  /** Turns from a change to its event; events stay in order. */
  event(): number;
  /** Whether events tell the id, and the state. */
  hasId: boolean;
  hasState: boolean;
}

/** A driver on a fake world that is as slow and as sparing of words as real ones: what it answers was true some time ago. */
export function laggingDriver(world: FakeWorld, lag: Lag): HypervisorDriver {
  const driver = fakeDriver({ world });
  const late = async <T>(answer: Promise<T>): Promise<T> => {
    const [result] = await Promise.allSettled([answer]);
    await turns(lag.read());
    world.reach();
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  };
  return {
    ...driver,
    listGuests: (signal) => late(driver.listGuests(signal)),
    readGuest: (id, signal) => late(driver.readGuest(id, signal)),
    watch: async (listener, onBreak, signal) => {
      let line: Promise<void> = Promise.resolve();
      let isOpen = true;
      const inLine = (count: number, call: () => void): void => {
        line = line
          .then(() => turns(count))
          .then(() => {
            if (isOpen) call();
          });
      };
      const watch = await driver.watch(
        (event) => inLine(lag.event(), () => listener(spare(event, lag))),
        (problem) => {
          // What was on its way is lost with the stream.
          isOpen = false;
          void turns(lag.event()).then(() => onBreak(problem));
        },
        signal,
      );
      return {
        stop: async () => {
          isOpen = false;
          await watch.stop();
        },
      };
    },
  };
}

function spare(event: GuestEvent, { hasId, hasState }: Lag): GuestEvent {
  const { id, state, ...rest } = event;
  return {
    ...rest,
    ...(hasId && id !== undefined ? { id } : {}),
    ...(hasState && state !== undefined ? { state } : {}),
  };
}
