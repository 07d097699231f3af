import { createHash } from 'node:crypto';
import type { HypervisorDriver } from '#agent/drivers/driver.ts';
import { partNamed } from '#agent/drivers/part.ts';
import type { Inventory } from '#agent/inventory/inventory.ts';
import type { Facts } from '#agent/journal/settle.ts';
import { Failure } from '#shared/errors.ts';

/** Changes of a definition are told by its text. */
const DIGESTED: ReadonlySet<string> = new Set(['guest.define']);
const READ_MS_MAX = 10_000;

/** How the guest that a change is about is now: written down before the change, and compared with after a crash. */
export function factsBy({ driver, inventory }: { driver: HypervisorDriver; inventory: Inventory }) {
  return async (verb: string, args: object): Promise<Facts> => {
    const { guest: named, name, definition, driver: part } = args as Partial<Record<string, string>>;
    const guestName = named ?? name ?? nameIn(driver, part, definition);
    const guest = guestName === undefined ? undefined : inventory.find(guestName);
    if (!guest) return { guest: null };
    if (!DIGESTED.has(verb)) return { guest };
    const text = await driver.readDefinition(guest.uuid, AbortSignal.timeout(READ_MS_MAX));
    return { guest, digest: createHash('sha256').update(text).digest('hex') };
  };
}

/** Only to find the guest again, never to act on. A definition that cannot be read is of no guest. */
function nameIn(of: HypervisorDriver, part: string | undefined, definition: string | undefined): string | undefined {
  if (definition === undefined) return undefined;
  const driver = partNamed(of, part);
  if (!driver.nameIn) return /<name>\s*([^<]+?)\s*<\/name>/.exec(definition)?.[1];
  try {
    return driver.nameIn(definition);
  } catch (error) {
    if (error instanceof Failure) return undefined;
    throw error;
  }
}
