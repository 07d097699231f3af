import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** Pass bytes on, both ways, until both have ended; where one breaks, both do. */
export async function joined(one: Duplex, other: Duplex): Promise<void> {
  // Each of two pipelines listens to both of them several times.
  for (const stream of [one, other]) stream.setMaxListeners(30);
  try {
    await Promise.all([pipeline(one, other), pipeline(other, one)]);
  } catch {
    // Whoever reads sees the end of it: that is how the two of them learn of it.
    one.destroy();
    other.destroy();
  }
}
