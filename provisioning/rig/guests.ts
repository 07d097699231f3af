import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { GuestImage } from '../guest/build.ts';
import { domainXml } from './domain.ts';
import type { Host } from './host.ts';
import type { PlannedGuest } from './plan.ts';

/**
 * Define a host's guests, those that are not there or whose plan has changed since. A guest that somebody has redefined keeps
 * what they made of it.
 * @returns the names of those that were defined now
 */
export async function defineGuests(
  host: Host,
  stateFolder: string,
  guests: readonly PlannedGuest[],
  image: GuestImage,
  hasKvm: boolean,
): Promise<string[]> {
  const there = new Set((await host.virsh(['list', '--all', '--name'])).split('\n').filter(Boolean));
  const file = join(stateFolder, 'defined.json');
  const before: Record<string, string> = await readFile(file, 'utf8').then(JSON.parse, () => ({}));
  const consoles = join(stateFolder, 'consoles');
  await mkdir(consoles, { recursive: true });
  const defined: string[] = [];
  for (const guest of guests) {
    const xml = domainXml(guest, image, join(consoles, `${guest.name}.log`), hasKvm);
    const digest = createHash('sha256').update(xml).digest('hex');
    if (there.has(guest.name) && before[guest.name] === digest) continue;
    const definition = join(stateFolder, `${guest.name}.xml`);
    await writeFile(definition, xml);
    await host.virsh(['define', definition]);
    before[guest.name] = digest;
    defined.push(guest.name);
  }
  await writeFile(file, `${JSON.stringify(before, null, 2)}\n`);
  return defined;
}
