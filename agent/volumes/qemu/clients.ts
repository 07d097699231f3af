import type { Command } from '#agent/exec/run.ts';
import { Failure } from '#shared/errors.ts';
import { isV6 } from '#shared/model/address.ts';
import type { Export } from '#shared/model/volume.ts';

/** Connections that a server has taken at its address. */
export const listClients = ({ address, port }: Pick<Export, 'address' | 'port'>): Command => ({
  file: 'ss',
  args: ['-Htn', 'state', 'established', 'src', `${isV6(address) ? `[${address}]` : address}:${port}`],
  timeoutMs: 10_000,
});

/**
 * Where they come from, sorted.
 *
 * Shape: a line each: bytes to be read, bytes to be sent, here, there.
 * @throws Failure host-output
 * Source: ss(8)
 */
export const parseClients = (stdout: string): string[] =>
  stdout
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, , , there] = line.trim().split(/\s+/);
      if (there === undefined) throw new Failure('host-output', { problem: `ss: ${line.slice(0, 100)}` });
      return there;
    })
    .toSorted();
