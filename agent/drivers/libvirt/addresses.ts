import { meaningful } from '#agent/drivers/addresses.ts';

/**
 * Addresses that `virsh domifaddr` prints, less those that mean nothing outside the guest.
 *
 * Shape: ` NAME   MAC   ipv4|ipv6   ADDRESS/PREFIX`, a line each; further addresses of a card have `-` for name and MAC.
 * Source: virsh(1); recorded in test/fixtures/virsh/domifaddr-*.txt
 */
export function parseAddresses(stdout: string): string[] {
  return meaningful(stdout.split('\n').flatMap((line) => /\sipv[46]\s+([0-9a-f.:]+)\/\d+\s*$/i.exec(line)?.[1] ?? []));
}
