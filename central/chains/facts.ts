import type { SiteGuest, SiteHost } from '#central/inventory/known-site.ts';
import type { Site } from '#central/inventory/site.ts';
import type { Graph, GraphNode } from '#shared/chain/compile.ts';
import type { Fact } from '#shared/chain/run.ts';
import { isActive } from '#shared/model/guest.ts';
import type { ManagedNodes } from './managed-nodes.ts';

/**
 * The guest of a node: on the host that it names; on a host that has all of its tags, the first by name that is heard; or wherever it is.
 */
export function guestAt(site: Site, node: GraphNode): SiteGuest | undefined {
  const { host, tags } = node.spec;
  if (host === undefined && tags.length === 0) return site.find(guestName(node).toLowerCase());
  const named = host === undefined ? undefined : site.findHost(host);
  const hosts = host === undefined ? site.hosts() : named ? [named] : [];
  const found = hosts.filter(hasAll(tags)).flatMap((each) => guestOn(site, each, guestName(node)) ?? []);
  return found.find((guest) => guest.host.reach === 'heard') ?? found[0];
}

const guestName = ({ name, spec }: GraphNode): string => spec.guest ?? name;
const hasAll =
  (tags: readonly string[]) =>
  (host: SiteHost): boolean =>
    tags.every((tag) => host.tags.includes(tag));

/** By its name at the hypervisor, or at the site. */
function guestOn(site: Site, { name, known }: SiteHost, wanted: string): SiteGuest | undefined {
  const named = known.guests.entries().find(([, guest]) => guest.name === wanted);
  const contact = (named && site.contactAt(name, named[0])) ?? wanted;
  const guest = site.find(contact);
  return guest?.host.name === name ? guest : undefined;
}

/** Why a node has no guest. */
export function noGuest(site: Site, node: GraphNode): string {
  const { tags } = node.spec;
  if (tags.length === 0) return 'there is no such guest';
  const words = `${tags.length === 1 ? 'the tag' : 'all of the tags'} ${tags.join(', ')}`;
  if (!site.hosts().some(hasAll(tags))) return `no host has ${words}`;
  const elsewhere = site.find(guestName(node).toLowerCase());
  return elsewhere ? `it is on ${elsewhere.host.name}, which does not have ${words}` : `no host with ${words} has it`;
}

/** What is not there to be started, each with why; of a host that is not heard, nobody knows. */
export function missingOf(
  { site, managed }: { site: Site; managed: Pick<ManagedNodes, 'missing'> },
  nodes: readonly GraphNode[],
): string[] {
  return nodes.flatMap((node) => {
    const why = node.spec.kind === 'guest' ? guestMissing(site, node) : (managed.missing(node) ?? noHost(site, node));
    return why === undefined ? [] : [`${node.name}: ${why}`];
  });
}

function guestMissing(site: Site, node: GraphNode): string | undefined {
  const { host } = node.spec;
  const hosts = host === undefined ? site.hosts() : [site.findHost(host)];
  const isHeard = hosts.every((each) => each?.reach === 'heard');
  return noHost(site, node) ?? (isHeard && !guestAt(site, node) ? noGuest(site, node) : undefined);
}

/** That the site has no host of the name that a node gives, if so. */
function noHost(site: Site, { name, spec }: GraphNode): string | undefined {
  const named = spec.kind === 'host' ? name : spec.host;
  return named === undefined || site.findHost(named) ? undefined : `there is no host ${named}`;
}

/**
 * The host that looks for a node unless its tests name another, and that is waited for while it is silent. What is outside is looked at
 * from any host: the first by name that is heard.
 */
export function hostAt(site: Site, node: GraphNode): string | undefined {
  const { kind, host } = node.spec;
  if (kind === 'host') return node.name;
  if (kind === 'check') return host ?? site.hosts().find(({ reach }) => reach === 'heard')?.name;
  return host ?? guestAt(site, node)?.host.name;
}

/**
 * What central knows of each node, without what probes tell. Of a silent host nothing is known, nor of guests whose hypervisor does not
 * answer: what was said last may not be so.
 */
export function stateFacts(site: Site, graph: Graph): Map<string, Fact> {
  const facts = new Map<string, Fact>();
  for (const node of graph.nodes) {
    const fact = factOf(site, node);
    if (fact) facts.set(node.name, fact);
  }
  return facts;
}

function factOf(site: Site, node: GraphNode): Fact | undefined {
  const { kind } = node.spec;
  if (kind === 'group' || kind === 'check') return undefined;
  const name = hostAt(site, node);
  const host = name === undefined ? undefined : site.findHost(name);
  if (kind === 'host') {
    if (!host) return { state: 'down', why: `there is no host ${name}` };
    return host.reach === 'heard' ? { state: 'up' } : { state: 'down', why: host.problem ?? 'it is not heard' };
  }
  if (name !== undefined && !host) return { state: 'down', why: `there is no host ${name}` };
  if (host && host.reach !== 'heard') return { state: 'unknown', why: `${host.name} is not heard` };
  const guest = guestAt(site, node);
  if (host && isBlind(host, guest)) return { state: 'unknown', why: `the hypervisor of ${host.name} does not answer` };
  if (!guest) return { state: 'down', why: noGuest(site, node) };
  const { state } = guest.guest;
  return isActive(state) ? { state: 'up' } : { state: 'down', why: `it is ${state}` };
}

/** Whether what runs a guest does not answer. One that is not there may be of any. */
function isBlind({ known: { facts } }: SiteHost, guest: SiteGuest | undefined): boolean {
  const driver = guest?.guest.driver;
  const isToldOf = facts?.silent !== undefined && driver !== undefined && !facts.silent.includes(driver);
  return facts?.state === 'degraded' && !isToldOf;
}
