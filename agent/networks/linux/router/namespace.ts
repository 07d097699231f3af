import type { Run } from '#agent/exec/run.ts';
import { type HostTools, readLinks } from '#agent/networks/linux/carry-out.ts';
import { batch, inSpace, ip, listAddresses, readSpaces } from '#agent/networks/linux/commands.ts';
import { type Link, parseLinks, parseRoutes, type Route } from '#agent/networks/linux/links.ts';
import { LINK_GROUP } from '#agent/networks/linux/names.ts';
import { Failure } from '#shared/errors.ts';
import { namespaceOf } from './plan.ts';
import { together } from './together.ts';

/** What the loopback link of a router's namespace is marked with: a namespace itself can carry no mark. */
export const aliasOf = (router: string): string => `skerry router ${router}`;

/** `whole`: ours. `bare`: there, and nothing in it yet. `broken`: a name without a namespace, as when making it was cut off. */
export type Standing = 'none' | 'whole' | 'bare' | 'broken' | 'foreign';

/** What there is under a router's name, and the links inside where it can be entered. */
export async function readNamespace(
  run: Run,
  router: string,
  signal: AbortSignal,
): Promise<{ standing: Standing; links: readonly Link[] }> {
  const links = await linksIn(run, namespaceOf(router), signal);
  if (links === 'none' || links === 'broken') return { standing: links, links: [] };
  const mark = links.find(({ name }) => name === 'lo')?.alias;
  if (mark === aliasOf(router)) return { standing: 'whole', links };
  return { standing: mark === undefined && links.length === 1 ? 'bare' : 'foreign', links };
}

/** A word where it cannot be entered. */
async function linksIn(run: Run, namespace: string, signal: AbortSignal): Promise<Link[] | 'none' | 'broken'> {
  try {
    return parseLinks(await run(listAddresses(namespace), signal));
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (/setting the network namespace/.test(error.message)) return 'broken';
    if (/Cannot open network namespace .*No such file/.test(error.message)) return 'none';
    throw error;
  }
}

/** Routers that have a namespace. */
export async function markedNamespaces(run: Run, signal: AbortSignal): Promise<string[]> {
  const spaces = [...(await readSpaces(run, signal))].filter((name) => name.startsWith('sk-'));
  const marked: string[] = [];
  for (const name of spaces.map((space) => space.slice(3)))
    if ((await readNamespace(run, name, signal)).standing === 'whole') marked.push(name);
  return marked;
}

const ALWAYS: Readonly<Record<string, string>> = {
  'net.ipv4.ip_forward': '1',
  'net.ipv6.conf.all.disable_ipv6': '0',
  'net.ipv6.conf.default.disable_ipv6': '0',
  'net.ipv6.conf.all.forwarding': '1',
  'net.ipv6.conf.default.forwarding': '1',
  'net.ipv6.conf.all.accept_ra': '0',
  'net.ipv6.conf.default.accept_ra': '0',
  ...forAll('net.ipv4.conf', { rp_filter: '1', accept_redirects: '0', send_redirects: '0', accept_source_route: '0' }),
  // An address that goes takes no other one with it.
  ...forAll('net.ipv4.conf', { promote_secondaries: '1' }),
  // Where it was elsewhere before, others learn where it is now.
  ...forAll('net.ipv4.conf', { arp_notify: '1' }),
  ...forAll('net.ipv6.conf', { ndisc_notify: '1' }),
  // Each leg answers for its own addresses only.
  ...forAll('net.ipv4.conf', { arp_ignore: '1', arp_announce: '2' }),
  ...forAll('net.ipv6.conf', { accept_redirects: '0', accept_source_route: '0' }),
};

function forAll(where: string, settings: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(settings).flatMap(([name, value]) => [
      [`${where}.all.${name}`, value],
      [`${where}.default.${name}`, value],
    ]),
  );
}

/** Have a namespace. */
export async function addNamespace(
  run: Run,
  { router, standing }: { router: string; standing: Standing },
  signal: AbortSignal,
): Promise<void> {
  const namespace = namespaceOf(router);
  if (standing === 'broken') await run(ip('netns', 'delete', namespace), signal);
  if (standing === 'none' || standing === 'broken') await run(ip('netns', 'add', namespace), signal);
}

/** Have it forward, for legs that are made after, and bear the mark. */
export async function setNamespace(
  run: Run,
  { router, standing }: { router: string; standing: Standing },
  signal: AbortSignal,
): Promise<void> {
  const namespace = namespaceOf(router);
  const settings = Object.entries(ALWAYS).map(([name, value]) => `${name}=${value}`);
  const mark = [`link set dev lo group ${LINK_GROUP} alias "${aliasOf(router)}" up`];
  await together([
    run(inSpace(namespace, 'sysctl', '--quiet', '--write', ...settings), signal),
    standing === 'whole' ? '' : run(batch('ip', mark, namespace), signal),
  ]);
}

/** Default routes of both families. */
export async function readRoutes(run: Run, namespace: string, signal: AbortSignal): Promise<Route[]> {
  const read = async (family: '-4' | '-6'): Promise<Route[]> =>
    parseRoutes(await run(ip('-n', namespace, family, '-j', 'route', 'show', 'default'), signal));
  return (await Promise.all([read('-4'), read('-6')])).flat();
}

export const readHostLinks = (
  tools: Pick<HostTools, 'run' | 'openvswitch'>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Link>> => readLinks(tools, signal);
