import { batch } from '#agent/networks/linux/commands.ts';
import type { Link } from '#agent/networks/linux/links.ts';
import { Failure } from '#shared/errors.ts';
import { portLinkOf } from '#shared/model/network.ts';
import { isOnBridge, type LegsNow, legChanges } from './legs.ts';
import { aliasOf } from './namespace.ts';
import type { Place } from './place.ts';
import { allLegs, type PlannedLeg, type RouterPlan } from './plan.ts';

/**
 * Have these legs, and no others. When that fails, legs that it made are taken away.
 *
 * @throws Failure network-clash, network-missing, host-command
 */
export async function keepLegs(place: Place, plan: RouterPlan, now: LegsNow, signal: AbortSignal): Promise<void> {
  const { run, namespace, host, openvswitch } = place;
  const legs = allLegs(plan);
  for (const leg of legs) refuse(leg, now, host);
  const changes = legChanges(legs, now, { namespace, alias: aliasOf(plan.router.name) });
  const apply = async (lines: readonly string[], where?: string): Promise<void> => {
    if (lines.length > 0) await run(batch('ip', lines, where), signal);
  };
  try {
    await apply(changes.deleting, namespace);
    await apply(changes.joining);
    await openvswitch?.join(changes.switching, signal);
    if ((await openvswitch?.readDatapath(signal)) === 'netdev')
      for (const { link } of changes.made) await openvswitch?.plain(link, namespace, signal);
    await apply(changes.setting, namespace);
  } catch (error) {
    await takeAway(place, changes.made);
    throw error;
  }
}

function refuse(leg: PlannedLeg, now: LegsNow, host: string): void {
  if (!now.host.has(leg.on))
    throw new Failure('network-missing', { link: leg.on, host, problem: `${leg.network} is not there` });
  const end = now.host.get(portLinkOf(leg.mac));
  if (isOnBridge(leg, now.host) && end && !end.isOurs)
    throw new Failure('network-clash', { what: 'a link', name: end.name, host });
}

const UNDO_MS_MAX = 30_000;

/** One process each: which of them were made before it failed is not known. */
async function takeAway({ run, namespace }: Place, legs: readonly PlannedLeg[]): Promise<void> {
  for (const { link } of legs)
    try {
      await run(batch('ip', [`link delete dev ${link}`], namespace), AbortSignal.timeout(UNDO_MS_MAX));
    } catch (error) {
      // It had not come so far; what stays none the less is found by the next call.
      if (!(error instanceof Failure)) throw error;
    }
}

/**
 * Take away a router's namespace, and what it has on the host: ends there would else go a while later, and stay where the namespace has lost its name, as
 * when somebody deleted that by hand.
 *
 * @param inside links of the namespace, where it is one of ours; undefined where there is none to be deleted
 */
export async function deletePlace(
  place: Place,
  router: string,
  { inside, host }: { inside: readonly Link[] | undefined; host: ReadonlyMap<string, Link> },
  signal: AbortSignal,
): Promise<void> {
  const { run, namespace, openvswitch } = place;
  const ends = [...host.values()].filter(
    (link) => link.isOurs && link.alias === aliasOf(router) && link.kind === 'veth',
  );
  // Others go with their namespace, and their MAC would be taken until then.
  const alone = (inside ?? []).filter(({ kind }) => kind === 'macvlan');
  if (alone.length > 0)
    await run(
      batch(
        'ip',
        alone.map(({ name }) => `link delete dev ${name}`),
        namespace,
      ),
      signal,
    );
  const lines = [
    ...ends.map(({ name }) => `link delete dev ${name}`),
    ...(inside ? [`netns delete ${namespace}`] : []),
  ];
  if (lines.length > 0) await run(batch('ip', lines), signal);
  await openvswitch?.leave(
    ends.map(({ name }) => name),
    signal,
  );
}
