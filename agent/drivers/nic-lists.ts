import type { DriverNic } from './driver.ts';

/** An interface, as a definition has it or as it runs; what is not said is left out. */
export type NicFacts = Omit<DriverNic, 'holds' | 'problem'>;

/** What runs, and what the definition has otherwise; a guest without a definition has only what runs. */
export function sideBySide(live: readonly NicFacts[], defined: readonly NicFacts[] = live): DriverNic[] {
  return [
    ...live.map((nic): DriverNic => {
      const holds = defined.some((other) => isRunAs(other, nic)) ? 'now' : 'until it stops';
      return { ...nic, holds };
    }),
    ...defined
      .filter((nic) => !live.some((other) => isRunAs(nic, other)))
      .map((nic): DriverNic => ({ ...nic, holds: 'from the next start' })),
  ];
}

/** Hypervisors name links and set MTUs themselves where the definition does not. */
const isRunAs = (defined: NicFacts, live: NicFacts): boolean =>
  (['mac', 'kind', 'source', 'model'] as const).every((key) => defined[key] === live[key]) &&
  (['link', 'mtu'] as const).every((key) => defined[key] === undefined || defined[key] === live[key]);

/** Those of one MAC, with why they do not hold now. */
export const ofMac = (nics: readonly DriverNic[], mac: string, problem: string | undefined): DriverNic[] =>
  nics
    .filter((nic) => nic.mac === mac)
    .map((nic) => (nic.holds === 'now' || problem === undefined ? nic : { ...nic, problem }));
