import type { Guest } from '#shared/model/guest.ts';

/** A guest as an agent reports it; what a test does not look at is the same for all. */
export const guestOf = (name: string, given: Partial<Guest> = {}): Guest => ({
  name,
  uuid: `uuid-${name}`,
  state: 'shutoff',
  host: 'host1',
  vcpus: 1,
  memoryMiB: 96,
  addresses: [],
  autostart: false,
  persistent: true,
  ...given,
});
