import type { Settings } from '#agent/journal/settings.ts';
import { HostNetworks, NO_NETWORKS } from '#shared/model/network.ts';

const KEY = 'networks';

/** The document that was taken last; none at first. */
export function keptNetworks(settings: Settings): { document: HostNetworks; isKept: boolean } {
  const text = settings.get(KEY);
  if (text === undefined) return { document: NO_NETWORKS, isKept: false };
  return { document: HostNetworks.parse(JSON.parse(text)), isKept: true };
}

/** It is on the disk when this returns. @throws Failure host-space */
export const keepNetworks = (settings: Settings, document: HostNetworks): void =>
  settings.set(KEY, JSON.stringify(document));
