import type { Run } from '#agent/exec/run.ts';
import { Failure } from '#shared/errors.ts';
import { portLinkOf } from '#shared/model/network.ts';
import type { Link } from './ip-output.ts';
import { isOnBridge, type LegsNow, legChanges } from './legs.ts';
import { aliasOf, ipBatch, readHostLinks, readLegs } from './namespace.ts';
import type { Place } from './place.ts';
import { allLegs, linesOf, type PlannedLeg, type RouterPlan } from './plan.ts';

/**
 * Have these legs, and no others; none without a plan. When that fails, legs that it made are taken away.
 *
 * @param links those in the namespace before
 * @throws Failure network-clash, network-missing, host-command
 */
export async function keepLegs(
  place: Place,
  plan: RouterPlan | undefined,
  { links, group }: { links: readonly Link[]; group: number },
  signal: AbortSignal,
): Promise<void> {
  const { run, namespace, host } = place;
  const legs = plan ? allLegs(plan) : [];
  const now = await readLegs(run, namespace, links, signal);
  for (const leg of legs) refuse(leg, now, { group, host });
  const alias = plan ? aliasOf(plan.router.name) : '';
  const { deleting, joining, setting, made } = legChanges(legs, now, { namespace, group, alias });
  const apply = async (lines: string, where?: string): Promise<void> => {
    if (lines !== '') await run(ipBatch(lines, where), signal);
  };
  try {
    await apply(deleting, namespace);
    await apply(joining);
    await apply(setting, namespace);
  } catch (error) {
    await takeAway(place, made);
    throw error;
  }
}

function refuse(leg: PlannedLeg, now: LegsNow, { group, host }: { group: number; host: string }): void {
  if (!now.host.has(leg.on))
    throw new Failure('network-missing', { link: leg.on, host, problem: `${leg.network} is not there` });
  const end = now.host.get(portLinkOf(leg.mac));
  if (isOnBridge(leg, now.host) && end && end.group !== String(group))
    throw new Failure('network-clash', { what: 'a link', name: end.ifname, host });
}

const UNDO_MS_MAX = 30_000;

/** One process each: which of them were made before it failed is not known. */
async function takeAway({ run, namespace }: Place, legs: readonly PlannedLeg[]): Promise<void> {
  for (const { link } of legs)
    try {
      await run(ipBatch(`link delete dev ${link}\n`, namespace), AbortSignal.timeout(UNDO_MS_MAX));
    } catch (error) {
      // It had not come so far; what stays none the less is found by the next call.
      if (!(error instanceof Failure)) throw error;
    }
}

/** Ends on the host whose namespace has lost its name, as when somebody deleted that by hand: nothing inside is to be found any more. */
export async function deleteEnds(
  run: Run,
  { router, group }: { router: string; group: number },
  signal: AbortSignal,
): Promise<void> {
  const ends = [...(await readHostLinks(run, signal)).values()].filter(
    (link) => link.group === String(group) && link.ifalias === aliasOf(router) && link.linkinfo.info_kind === 'veth',
  );
  if (ends.length === 0) return;
  await run(ipBatch(linesOf(ends.map(({ ifname }) => `link delete dev ${ifname}`))), signal);
}
