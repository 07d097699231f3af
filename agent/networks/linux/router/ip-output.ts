import { z } from 'zod';
import { Failure } from '#shared/errors.ts';

/** A link as `ip -j -d addr show` and `ip -j -d link show` print it: what is used of it. */
const Link = z.object({
  ifname: z.string(),
  ifindex: z.int(),
  /** Index, on the host, of the link that it is on. */
  link_index: z.int().optional(),
  mtu: z.int(),
  flags: z.array(z.string()),
  group: z.string().default('default'),
  address: z.string().default(''),
  ifalias: z.string().optional(),
  master: z.string().optional(),
  linkinfo: z.object({ info_kind: z.string().optional() }).default({}),
  addr_info: z
    .array(z.object({ local: z.string().optional(), prefixlen: z.int().optional(), scope: z.string().default('') }))
    .default([]),
});
export type Link = z.infer<typeof Link>;

/** `ip -j route show default`. */
const Route = z.object({ gateway: z.string().optional(), dev: z.string().optional() });
export type Route = z.infer<typeof Route>;

const Namespace = z.object({ name: z.string() });

/** @throws Failure host-output */
export const parseLinks = (stdout: string): Link[] => listIn(stdout, Link);
export const parseRoutes = (stdout: string): Route[] => listIn(stdout, Route);
export const parseNamespaces = (stdout: string): string[] => listIn(stdout, Namespace).map(({ name }) => name);

/** `ip -j` prints nothing where there is nothing, and `{}` for a link that its filter hides. */
function listIn<T>(stdout: string, item: z.ZodType<T>): T[] {
  if (stdout.trim() === '') return [];
  try {
    const all = z.array(z.unknown()).parse(JSON.parse(stdout));
    return z.array(item).parse(all.filter((each) => Object.keys(Object(each)).length > 0));
  } catch (error) {
    throw new Failure('host-output', { problem: `ip printed ${stdout.slice(0, 200)}` }, { cause: error });
  }
}
