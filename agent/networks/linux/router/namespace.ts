import type { Command, Run } from '#agent/exec/run.ts';
import { Failure } from '#shared/errors.ts';
import { type Link, parseLinks, parseNamespaces, parseRoutes } from './ip-output.ts';
import type { LegsNow } from './legs.ts';
import { namespaceOf } from './plan.ts';

const TIMEOUT_MS = 30_000;

const ip = (...args: string[]): Command => ({ file: 'ip', args, timeoutMs: TIMEOUT_MS });
/** All lines in one process, up to the first that fails. */
export const ipBatch = (lines: string, namespace?: string): Command => ({
  ...ip(...(namespace === undefined ? [] : ['-n', namespace]), '-batch', '-'),
  input: lines,
});
export const inNamespace = (namespace: string, ...argv: string[]): Command => ip('netns', 'exec', namespace, ...argv);

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
  const namespace = namespaceOf(router);
  if (!(await namespaces(run, signal)).includes(namespace)) return { standing: 'none', links: [] };
  const links = await linksIn(run, namespace, signal);
  if (!links) return { standing: 'broken', links: [] };
  const mark = links.find(({ ifname }) => ifname === 'lo')?.ifalias;
  if (mark === aliasOf(router)) return { standing: 'whole', links };
  return { standing: mark === undefined && links.length === 1 ? 'bare' : 'foreign', links };
}

export const namespaces = async (run: Run, signal: AbortSignal): Promise<string[]> =>
  parseNamespaces(await run(ip('-j', 'netns', 'list'), signal));

/** Undefined where it cannot be entered. */
async function linksIn(run: Run, namespace: string, signal: AbortSignal): Promise<Link[] | undefined> {
  try {
    return parseLinks(await run(ip('-n', namespace, '-j', '-d', 'addr', 'show'), signal));
  } catch (error) {
    if (error instanceof Failure && /setting the network namespace/.test(error.message)) return undefined;
    throw error;
  }
}

/** Routers that have a namespace. */
export async function markedNamespaces(run: Run, signal: AbortSignal): Promise<string[]> {
  const names = (await namespaces(run, signal)).filter((name) => name.startsWith('sk-')).map((name) => name.slice(3));
  const marked: string[] = [];
  for (const name of names) if ((await readNamespace(run, name, signal)).standing === 'whole') marked.push(name);
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

/** Have a namespace that forwards, for legs that are made after. */
export async function keepNamespace(
  run: Run,
  { router, standing, group }: { router: string; standing: Standing; group: number },
  signal: AbortSignal,
): Promise<void> {
  const namespace = namespaceOf(router);
  if (standing === 'broken') await run(ip('netns', 'delete', namespace), signal);
  if (standing === 'none' || standing === 'broken') await run(ip('netns', 'add', namespace), signal);
  const settings = Object.entries(ALWAYS).map(([name, value]) => `${name}=${value}`);
  await run(inNamespace(namespace, 'sysctl', '--quiet', '--write', ...settings), signal);
  if (standing !== 'whole')
    await run(ipBatch(`link set dev lo group ${group} alias "${aliasOf(router)}" up\n`, namespace), signal);
}

/** Nothing happens where there is none. */
export async function deleteNamespace(run: Run, router: string, signal: AbortSignal): Promise<void> {
  await run(ip('netns', 'delete', namespaceOf(router)), signal);
}

export async function readLegs(
  run: Run,
  namespace: string,
  inside: readonly Link[],
  signal: AbortSignal,
): Promise<LegsNow> {
  const host = await readHostLinks(run, signal);
  const routes = [
    ...parseRoutes(await run(ip('-n', namespace, '-4', '-j', 'route', 'show', 'default'), signal)),
    ...parseRoutes(await run(ip('-n', namespace, '-6', '-j', 'route', 'show', 'default'), signal)),
  ];
  return { inside, host, routes };
}

export const readHostLinks = async (run: Run, signal: AbortSignal): Promise<ReadonlyMap<string, Link>> =>
  new Map(parseLinks(await run(ip('-j', '-d', 'link', 'show'), signal)).map((link) => [link.ifname, link]));
