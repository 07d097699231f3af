import { z } from 'zod';
import { Mac } from './address.ts';
import { LinkName } from './network.ts';

/** What of a guest's interface is how: `until it stops` is what runs now, and is not so in the definition. */
export const NicHolds = z.enum(['now', 'from the next start', 'until it stops']);
export type NicHolds = z.infer<typeof NicHolds>;

/** A network interface of a guest. Where what runs differs from the definition, there are two of one MAC. */
export const Nic = z
  .strictObject({
    mac: z.string().meta({ title: 'MAC' }),
    network: z.string().optional().meta({ title: 'Network', description: 'Of those that Skerry makes.' }),
    kind: z.string().meta({ title: 'Kind', description: "The hypervisor's word: bridge, network, user." }),
    source: z.string().optional().meta({ title: 'Source', description: 'Name of the bridge, or what it hangs on.' }),
    link: z.string().optional().meta({ title: 'Link', description: "The host's end of it." }),
    model: z.string().optional().meta({ title: 'Model' }),
    mtu: z.int().nonnegative().optional().meta({ title: 'MTU', unit: 'bytes' }),
    holds: NicHolds.meta({ title: 'Holds' }),
    problem: z.string().optional().meta({ title: 'Problem', description: 'Why it does not hold now.' }),
  })
  .meta({ line: '{mac} · {kind} {source} · {link} · MTU {mtu} · {holds} · {problem}' });
export type Nic = z.infer<typeof Nic>;

/** Who carries the frames of a bridge of Open vSwitch: the kernel's module, or ovs-vswitchd itself in user space. */
export const Datapath = z.enum(['system', 'netdev']);
export type Datapath = z.infer<typeof Datapath>;

/** An interface that a guest shall have: on a bridge of its host. */
export const NicWanted = z.strictObject({
  mac: Mac,
  bridge: LinkName,
  link: LinkName.refine((name) => !name.startsWith('vnet'), 'the hypervisor gives names that begin with vnet itself'),
  mtu: z.int().min(576).max(65_535),
  /** Where the bridge is one of Open vSwitch. */
  datapath: Datapath.optional(),
});
export type NicWanted = z.infer<typeof NicWanted>;
