import type { SiteGuest } from '#central/inventory/known-site.ts';
import type { Site } from '#central/inventory/site.ts';
import { Failure } from '#shared/errors.ts';
import type { Guest } from '#shared/model/guest.ts';

/** A new guest is reported at once; longer than this nobody waits for it. */
const REPORT_MS = 15_000;

/** A guest that its host has just made, as soon as the host has reported it. @throws Failure host-unreachable: it is not reported */
export async function reportedGuest(
  site: Site,
  host: string,
  isMeant: (guest: Guest) => boolean,
  signal: AbortSignal,
): Promise<SiteGuest> {
  const found = (): SiteGuest | undefined => {
    const guest = site.findHost(host)?.known.guests.values().find(isMeant);
    return guest && site.find(site.contactAt(host, guest.uuid) ?? '');
  };
  const { promise, resolve } = Promise.withResolvers<void>();
  const over = AbortSignal.any([signal, AbortSignal.timeout(REPORT_MS)]);
  const look = (): void => {
    if (found()) resolve();
  };
  const off = site.onChange(look);
  over.addEventListener('abort', () => resolve(), { once: true });
  look();
  await promise;
  off();
  const guest = found();
  if (guest) return guest;
  throw new Failure('host-unreachable', { host, problem: 'it did not report the new guest' });
}
