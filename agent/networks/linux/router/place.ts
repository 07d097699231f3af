import type { OpenVSwitch } from '#agent/networks/linux/openvswitch/switch.ts';
import { processesIn } from '#agent/services/processes.ts';
import type { ServicePlace } from '#agent/services/service.ts';
import { Failure } from '#shared/errors.ts';

/** Where a router and its services are. */
export interface Place extends ServicePlace {
  /** Name of this host, for failures. */
  host: string;
  namespace: string;
  /** What realises bridges; without it, the kernel's own. */
  openvswitch?: OpenVSwitch;
}

/** In a network namespace; `ip netns exec` gives each service a mount namespace too, which has the folder at /mnt. */
export const placeIn = (
  namespace: string,
  { run, host, ...rest }: Pick<Place, 'run' | 'host' | 'folder' | 'upMsMax'>,
): Place => ({
  ...{ run, host, namespace, ...rest },
  enter: ['ip', 'netns', 'exec', namespace],
  seenAt: '/mnt',
  processes: (signal) => processesIn(run, namespace, signal),
  failure: (problem) => new Failure('network-host', { host, problem }),
});
