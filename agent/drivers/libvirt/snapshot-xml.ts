import { GuestState } from '#shared/model/guest.ts';
import type { Snapshot } from '#shared/model/snapshot.ts';
import { elementAt, parseXml, rootOf } from './xml.ts';

/**
 * What `virsh snapshot-dumpxml` prints.
 *
 * Shape: `<name>`, `<creationTime>` in seconds since 1970, `<state>`: a word for the guest's state, or `disk-snapshot` of one that ran
 * and whose memory was not kept.
 * Source: https://libvirt.org/formatsnapshot.html
 */
export function parseSnapshot(xml: string): Snapshot {
  const root = rootOf(parseXml(xml, 'domainsnapshot'));
  const text = (name: string): string => elementAt(root, name)?.textContent?.trim() ?? '';
  const takenS = Number(text('creationTime'));
  const state = GuestState.safeParse(text('state'));
  const isKept = state.success && state.data !== 'shutoff';
  return {
    name: text('name'),
    ...(takenS > 0 ? { takenAt: new Date(takenS * 1000).toISOString() } : {}),
    ...(isKept ? { state: state.data } : {}),
  };
}
