import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { keepFile, readIfThere } from '#agent/files/folder.ts';
import { linesOf } from '#agent/networks/linux/lines.ts';
import type { Link, Route } from '#agent/networks/linux/links.ts';
import { asNobodyWith } from '#agent/services/bounds.ts';
import { tell } from '#agent/services/processes.ts';
import { readRunning } from '#agent/services/running.ts';
import type { Service } from '#agent/services/service.ts';
import { end, examine, keepUp } from '#agent/services/services.ts';
import { Interface, isV6, overlap, subnetOf } from '#shared/model/address.ts';
import { SEEN_AT } from './dnsmasq.ts';
import { keepRules } from './firewall.ts';
import { gatewaysOf, givenTo } from './legs.ts';
import { readNamespace, readRoutes } from './namespace.ts';
import type { Place } from './place.ts';
import { OUTSIDE, type RouterPlan, subnetsOf } from './plan.ts';

/** What its client was given, a line each time; the last one counts. */
export const GIVEN = 'outside';
/** Networks of the router: an address in one of them is not taken. */
const NOT_TAKEN = 'outside-not';
const HOOK = 'outside-hook';
const RUN = 'run-udhcpc';

/** Of what it is given it asks for no more than it takes; discovers again 5 s after nobody answered. */
const UDHCPC = `busybox udhcpc -f -i ${OUTSIDE} -s ${SEEN_AT}/${HOOK} -o -O subnet -O router -t 3 -T 2 -A 5`;

const CLIENT: Service = {
  name: 'udhcpc',
  script: [
    `{ grep -v '^started$' ${SEEN_AT}/${GIVEN} | tail -n 1; echo started; } >${SEEN_AT}/.${GIVEN}.new`,
    `mv ${SEEN_AT}/.${GIVEN}.new ${SEEN_AT}/${GIVEN}`,
    `exec >>${SEEN_AT}/${GIVEN}`,
    // It changes addresses and rules of its own network namespace, as nobody, and no file: what others send ends there.
    asNobodyWith(['net_admin', 'net_raw', 'net_bind_service'], UDHCPC),
  ],
  isCurrent: (argv) => argv.join(' ') === UDHCPC,
  isReady: ({ user }) => user !== 0,
};

/**
 * What DHCP did last. `started`: its client did, and has not been told anything since. `refused`: what was given was not taken.
 */
export type Given =
  | { state: 'none' | 'started' | 'lost' | 'failed' | 'malformed' }
  | { state: 'given'; address: string; gateway: string | undefined }
  | { state: 'inside'; address: string };

/** @param text of the file; lines that mean nothing are passed over */
export function parseGiven(text: string): { last: Given; before: Given } {
  const all = text.split('\n').flatMap((line) => givenIn(line) ?? []);
  const told = all.findLast(({ state }) => state !== 'started');
  return { last: all.at(-1) ?? { state: 'none' }, before: told ?? { state: 'none' } };
}

function givenIn(line: string): Given | undefined {
  const [word, first = '', second = '', ...more] = line.split(' ');
  if (more.length > 0) return undefined;
  const isAddress = Interface.safeParse(first).success && !isV6(first);
  if (word === 'given' && isAddress && (second === '-' || Interface.safeParse(`${second}/32`).success))
    return { state: 'given', address: first, gateway: second === '-' ? undefined : second };
  if (word === 'refused' && first === 'inside' && Interface.safeParse(second).success)
    return { state: 'inside', address: second };
  if (line === 'refused malformed') return { state: 'malformed' };
  return line === 'started' || line === 'lost' || line === 'failed' ? { state: line } : undefined;
}

/** A plan with the addresses that its leg outside has, where DHCP gives them. */
export function withGiven(plan: RouterPlan, links: readonly Link[]): RouterPlan {
  const { outside } = plan;
  const link = links.find(({ name }) => name === OUTSIDE);
  return outside?.isGiven ? { ...plan, outside: { ...outside, addresses: link ? givenTo(link) : [] } } : plan;
}

/** Whoever does not ask by DHCP has no client that would set the leg. */
export async function endOutside(place: Place, signal: AbortSignal): Promise<void> {
  if ((await readIfThere(join(place.folder, RUN))) === undefined) return;
  await end(place, { name: 'udhcpc' }, signal);
  for (const name of [GIVEN, NOT_TAKEN, HOOK, RUN]) await rm(join(place.folder, name), { force: true });
}

/**
 * Have the leg outside ask for its address by DHCP; resolves when it asks, not when it has one.
 *
 * Its client sets address, route and public address by itself, also while the agent is away. Where what it set is not there any more, or would
 * not be taken now, it is started anew.
 * @param links that the rules were made for
 * @throws Failure host-command, network-host
 */
export async function keepOutside(
  place: Place,
  plan: RouterPlan,
  { links }: { links: readonly Link[] },
  signal: AbortSignal,
): Promise<void> {
  const { folder } = place;
  const hook = await readFile(new URL('outside-hook.sh', import.meta.url), 'utf8');
  await keepFile(join(folder, HOOK), hook, 0o755);
  await keepFile(join(folder, NOT_TAKEN), linesOf(plan.legs.flatMap((leg) => subnetsOf(leg, 4))));
  await keepUp(place, CLIENT, signal);
  if (await isDrifted(place, plan, signal))
    for (const each of (await readRunning(place, { name: 'udhcpc' }, signal)).programs) await tell(each, 'SIGTERM');
  await keepPublic(place, plan, publicOf(plan, links), signal);
}

async function isDrifted(place: Place, plan: RouterPlan, signal: AbortSignal): Promise<boolean> {
  const { last } = parseGiven((await readIfThere(join(place.folder, GIVEN))) ?? '');
  if (last.state !== 'given') return false;
  const { link, routes } = await readOutside(place, plan, signal);
  return (
    !link ||
    givenTo(link).join() !== last.address ||
    (last.gateway !== undefined && !gatewaysOf(link, routes).includes(last.gateway)) ||
    overlapping(plan, last.address) !== undefined
  );
}

/** The rules were given what the leg had then. Its client may have set it since: it sets the leg first, so that what is seen here is newer. */
async function keepPublic(place: Place, plan: RouterPlan, given: string, signal: AbortSignal): Promise<void> {
  for (let known = given; ; ) {
    const { links } = await readNamespace(place.run, plan.router.name, signal);
    const now = publicOf(plan, links);
    if (now === known) return;
    await keepRules(place, withGiven(plan, links), signal);
    known = now;
  }
}

const publicOf = (plan: RouterPlan, links: readonly Link[]): string =>
  withGiven(plan, links).outside?.addresses.join() ?? '';

async function readOutside(
  place: Place,
  { router }: RouterPlan,
  signal: AbortSignal,
): Promise<{ link: Link | undefined; routes: readonly Route[] }> {
  const [{ links }, routes] = await Promise.all([
    readNamespace(place.run, router.name, signal),
    readRoutes(place.run, place.namespace, signal),
  ]);
  return { link: links.find(({ name }) => name === OUTSIDE), routes };
}

const overlapping = ({ legs }: RouterPlan, address: string): string | undefined =>
  legs.flatMap((leg) => subnetsOf(leg, 4)).find((subnet) => overlap(subnet, subnetOf(address)));

/** What is wrong with the leg outside that asks by DHCP, in words. */
export async function examineOutside(
  place: Place,
  { links }: { links: readonly Link[] },
  signal: AbortSignal,
): Promise<string[]> {
  const link = links.find(({ name }) => name === OUTSIDE);
  const problems = await examine(place, CLIENT, signal);
  if (link && givenTo(link).length > 0) return problems;
  const { before } = parseGiven((await readIfThere(join(place.folder, GIVEN))) ?? '');
  // Its client, which asks again and again after what was refused, is for moments not there.
  if (problems.length > 0 && !['inside', 'malformed', 'failed'].includes(before.state)) return problems;
  return [`it has no address outside yet: ${whyNone(before)}`];
}

function whyNone(given: Given): string {
  switch (given.state) {
    case 'inside':
      return `DHCP there gives ${given.address}, which lies in a network of this router`;
    case 'malformed':
      return 'what DHCP there gives is no address that it could take';
    case 'failed':
      return 'the one that DHCP there gave could not be set';
    case 'lost':
      return 'DHCP there took back what it had given';
    default:
      return 'nobody there has given one by DHCP';
  }
}
