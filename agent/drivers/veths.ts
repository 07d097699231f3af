import { z } from 'zod';
import type { Command } from '#agent/exec/run.ts';
import { Failure } from '#shared/errors.ts';

/** One end of a veth, as `ip -j link` shows it. `link_index` is the number of the other end. */
const Veth = z.object({
  ifindex: z.int(),
  link_index: z.int().optional(),
  ifname: z.string(),
  address: z.string(),
  mtu: z.int(),
  master: z.string().optional(),
});
export type Veth = z.infer<typeof Veth>;

export const IP_MS_MAX = 10_000;

export const ip = (...args: string[]): Command => ({ file: 'ip', args, timeoutMs: IP_MS_MAX });
/** The host's own `ip`, in the network namespace of a zone: the zone may have none, and may be frozen. */
export const ipInside = (pid: number, ...args: string[]): Command => ({
  file: 'nsenter',
  args: ['-t', `${pid}`, '-n', '--', 'ip', ...args],
  timeoutMs: IP_MS_MAX,
});

/** @throws Failure host-output */
export function parseVeths(stdout: string): Veth[] {
  const parsed = z.array(Veth).safeParse(stdout.trim() === '' ? [] : JSON.parse(stdout));
  if (!parsed.success) throw new Failure('host-output', { problem: `ip link: ${parsed.error.issues[0]?.message}` });
  return parsed.data;
}
