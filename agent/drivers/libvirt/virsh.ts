import { failureOf } from './failures.ts';
import { type VirshSession, virshSession } from './virsh-session.ts';

/** Everything that is asked of libvirt goes through here. */
export interface Virsh {
  /** What libvirtd answers out of its own head: it never waits for a guest or its QEMU. @throws Failure */
  read(words: readonly string[], signal: AbortSignal): Promise<string>;
  /** All else, which may take long or hang: it never stands in a reader's way. @throws Failure */
  slow(words: readonly string[], signal: AbortSignal, msMax?: number): Promise<string>;
  close(): Promise<void>;
}

const READ_MS_MAX = 20_000;
const SLOW_MS_MAX = 300_000;
/** One hung guest takes one lane; as many others are left. */
const LANES_MAX = 8;

/**
 * Open the way to a libvirt. Nothing is started before the first question.
 *
 * One session answers readers; all else goes to the first of a few sessions that is free. A new process for each command
 * would cost 10 ms and more, and bring nothing.
 */
export function virsh(uri: string, host: string): Virsh {
  const reader = virshSession(uri);
  const lanes: VirshSession[] = [];

  const freeLane = (): VirshSession => {
    const free = lanes.find((lane) => lane.load === 0);
    if (free) return free;
    if (lanes.length < LANES_MAX) {
      const lane = virshSession(uri);
      lanes.push(lane);
      return lane;
    }
    return lanes.reduce((least, lane) => (lane.load < least.load ? lane : least));
  };

  const ask = async (session: VirshSession, words: readonly string[], msMax: number, signal: AbortSignal) => {
    try {
      return await session.ask(words, msMax, signal);
    } catch (error) {
      throw failureOf(error, { host });
    }
  };

  return {
    read: (words, signal) => ask(reader, words, READ_MS_MAX, signal),
    slow: (words, signal, msMax = SLOW_MS_MAX) => ask(freeLane(), words, msMax, signal),
    close: async () => {
      await Promise.all([reader, ...lanes].map((session) => session.close()));
    },
  };
}
