import type { Mac } from '#shared/model/address.ts';

/**
 * The mark of links that Skerry makes: the group that they are in from the moment of their creation on (`ip link show group 21323`). What is
 * not in it is never changed or removed.
 */
export const LINK_GROUP = 21_323;

/** The mark of those of them that are being removed: the kernel takes a whole group away in a part of the time that one link after another takes. */
export const LEAVING_GROUP = 21_324;

/** The tunnel's end that is a port of a network's bridge. */
export const vxlanOf = (network: string): string => `vx-${network}`;

/** The network namespace of a look; routers have `sk-NAME`. */
export const lookSpaceOf = (network: string): string => `skl-${network}`;

/** The MAC of the guest's side, of a port's link; undefined for links that are none. */
export function macOfLink(link: string): Mac | undefined {
  const [, digits] = /^sk([0-9a-f]{12})$/.exec(link) ?? [];
  return digits?.match(/../g)?.join(':');
}

/** The mark of bridges and ports of Open vSwitch that Skerry made: a word of their external_ids, given in the transaction that makes them. */
export const SWITCH_MARK = 'skerry';

/** The network that a bridge or a tunnel's end of ours is for. */
export const networkOfLink = (link: string): string | undefined => /^(?:sk|vx)-(.+)$/.exec(link)?.[1];
