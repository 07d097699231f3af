import type { Site, SiteGuest } from '#central/inventory/site.ts';
import type { Graph, GraphNode } from '#shared/chain/compile.ts';
import type { Fact } from '#shared/chain/run.ts';
import { isActive } from '#shared/model/guest.ts';

/** The guest of a node: on the host that it names, or wherever it is. */
export function guestAt(site: Site, { name, spec }: GraphNode): SiteGuest | undefined {
  const wanted = spec.guest ?? name;
  if (spec.host === undefined) return site.find(wanted.toLowerCase());
  const { host } = spec;
  const contact = site.contactsAt(host).find((each) => {
    const guest = site.find(each);
    return guest?.host.name === host && (guest.guest.name === wanted || guest.contact === wanted);
  });
  return contact === undefined ? undefined : site.find(contact);
}

/** The host that looks for a node unless its tests name another, and that is waited for while it is silent. */
export const hostAt = (site: Site, node: GraphNode): string | undefined =>
  node.spec.kind === 'host' ? (node.spec.host ?? node.name) : (node.spec.host ?? guestAt(site, node)?.host.name);

/** What central knows of each node, without what probes tell. Of a silent host nothing is known: what it said last may not be so. */
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
  if (!guest) return { state: 'down', why: 'there is no such guest' };
  const { state } = guest.guest;
  return isActive(state) ? { state: 'up' } : { state: 'down', why: `it is ${state}` };
}
