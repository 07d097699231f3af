import { createVnic, isTakenLink, listLinks, listVnics, parseLinks, parseVnics } from '#agent/illumos/links.ts';
import { type UndoStack, undoable } from '#agent/undo-stack.ts';
import { Failure } from '#shared/errors.ts';
import type { Ground } from './ground.ts';
import { removeVnic } from './leaving.ts';
import type { ZoneVnic } from './vnics.ts';

/** A link of the host, with all that dladm tells of it. */
export interface LinkFound {
  link: string;
  class: string;
  over?: string;
  mac?: string;
  mtu?: number;
  zone?: string;
}

export async function readLinks({ run }: Pick<Ground, 'run'>, signal: AbortSignal): Promise<Map<string, LinkFound>> {
  const [links, vnics] = [parseLinks(await run(listLinks(), signal)), parseVnics(await run(listVnics(), signal))];
  return new Map(
    links.map(({ link, class: kind, mtu }) => {
      const vnic = vnics.find((each) => each.link === link);
      return [
        link,
        {
          ...{ link, class: kind },
          ...(mtu === undefined ? {} : { mtu }),
          ...(vnic ? { over: vnic.over, mac: vnic.mac, ...(vnic.zone ? { zone: vnic.zone } : {}) } : {}),
        },
      ];
    }),
  );
}

export const isSame = (found: LinkFound, wanted: ZoneVnic): boolean =>
  found.over === wanted.over && found.mac === wanted.mac && found.mtu === wanted.mtu;

export interface KeptLinks {
  wanted: readonly ZoneVnic[];
  /** Names of those that were made for the zone before. */
  known: readonly string[];
  /** Of those, the ones that it shall not have any more. */
  leaving?: readonly string[];
  /** The zone has them in use: what it has is not changed now. */
  isOn: boolean;
}

/**
 * Have these vnics be there, and be as they shall; those that leave go first, as one that comes may have the MAC of one. Each step can be taken
 * back.
 *
 * @throws Failure guest-definition where what they are to be over is not there, or somebody else has the name
 */
export async function keepLinks(
  ground: Ground,
  { wanted, known, leaving = [], isOn }: KeptLinks,
  undo: UndoStack,
  signal: AbortSignal,
): Promise<void> {
  if (wanted.length === 0 && leaving.length === 0) return;
  const found = await readLinks(ground, signal);
  requireFit(wanted, found, known);
  const going = leaving.flatMap((link) => found.get(link) ?? []);
  if (!isOn) for (const link of going) await takeOut(ground, link, undo, signal);
  const held = new Set(isOn ? going.map(({ mac }) => mac) : []);
  for (const vnic of wanted) {
    const there = found.get(vnic.link);
    if (held.has(vnic.mac) || (there && (isSame(there, vnic) || isOn))) continue;
    if (there) await takeOut(ground, there, undo, signal);
    await undoable(undo, {
      what: `vnic ${vnic.link}`,
      make: () => ground.run(createVnic(vnic), signal),
      remove: () => removeVnic(ground, vnic.link, late()),
      isTaken: isTakenLink,
    });
  }
}

/** Remove a vnic so that it can be there again as it was. */
async function takeOut(ground: Ground, vnic: LinkFound, undo: UndoStack, signal: AbortSignal): Promise<void> {
  const { link, over, mac, mtu } = vnic;
  if (over === undefined) throw new Failure('guest-definition', { problem: `the link ${link} is no vnic` });
  const before = createVnic({ link, over, ...(mac ? { mac } : {}), ...(mtu ? { mtu } : {}) });
  undo.add(`vnic ${link} as it was`, () => ground.run(before, late()).then(() => {}));
  await removeVnic(ground, link, signal);
}

/** Limit of what is taken back, which goes on also where the work was called off. */
export const late = (): AbortSignal => AbortSignal.timeout(600_000);

/** @param known names of those that were made for the zone before */
export function requireFit(
  wanted: readonly ZoneVnic[],
  found: ReadonlyMap<string, LinkFound>,
  known: readonly string[],
): void {
  for (const { link, over } of wanted) {
    if (!found.has(over)) throw new Failure('guest-definition', { problem: `there is no link ${over} on this host` });
    if (found.has(link) && !known.includes(link))
      throw new Failure('guest-definition', {
        problem: `there is a link ${link} already, and it was not made for this zone`,
      });
  }
}
