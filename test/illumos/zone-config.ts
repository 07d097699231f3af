/** The configuration of one zone: zonecfg(8), "Resources" and "Properties". Aliases are kept as the rctl that they mean. */
export interface ZoneConfig {
  zonepath: string;
  brand: string;
  autoboot: boolean;
  bootargs: string;
  pool: string;
  limitpriv: string;
  schedulingClass: string;
  ipType: 'shared' | 'exclusive';
  hostid: string;
  fsAllowed: string;
  resources: Resource[];
}

export type ResourceType = (typeof RESOURCE_TYPES)[number];
export const RESOURCE_TYPES = [
  'fs',
  'net',
  'device',
  'dedicated-cpu',
  'capped-cpu',
  'capped-memory',
  'attr',
  'dataset',
  'admin',
  'rctl',
  'security-flags',
] as const;

/** One resource: its simple properties, and the lists that `fs` (options) and `rctl` (value) have. */
export interface Resource {
  type: ResourceType;
  simple: Record<string, string>;
  lists: Record<string, string[]>;
}

/** Which properties a resource has, in the order of output; those that it must have; those that are lists. */
export const PROPERTIES: Record<ResourceType, { has: string[]; needs: string[]; lists: string[]; shown?: string[] }> = {
  fs: { has: ['dir', 'special', 'raw', 'type'], needs: ['dir', 'special', 'type'], lists: ['options'] },
  net: {
    has: ['address', 'allowed-address', 'physical', 'defrouter', 'global-nic', 'mac-addr', 'vlan-id'],
    needs: ['physical'],
    lists: ['property'],
    shown: ['address', 'allowed-address', 'physical', 'defrouter'],
  },
  device: { has: ['match'], needs: ['match'], lists: [] },
  'dedicated-cpu': { has: ['ncpus', 'importance'], needs: ['ncpus'], lists: [], shown: ['ncpus'] },
  'capped-cpu': { has: ['ncpus'], needs: ['ncpus'], lists: [] },
  'capped-memory': { has: ['physical', 'swap', 'locked'], needs: [], lists: [], shown: [] },
  attr: { has: ['name', 'type', 'value'], needs: ['name', 'type', 'value'], lists: [] },
  dataset: { has: ['name'], needs: ['name'], lists: [] },
  admin: { has: ['user', 'auths'], needs: ['user', 'auths'], lists: [] },
  rctl: { has: ['name'], needs: ['name'], lists: ['value'] },
  'security-flags': { has: ['lower', 'default', 'upper'], needs: [], lists: [], shown: [] },
};

/** Properties of the whole zone that are kept as a resource control, and what that is called. */
export const ALIASES: Record<string, string> = {
  'max-lwps': 'zone.max-lwps',
  'max-processes': 'zone.max-processes',
  'max-shm-memory': 'zone.max-shm-memory',
  'max-shm-ids': 'zone.max-shm-ids',
  'max-msg-ids': 'zone.max-msg-ids',
  'max-sem-ids': 'zone.max-sem-ids',
  'cpu-shares': 'zone.cpu-shares',
  'zfs-io-priority': 'zone.zfs-io-priority',
};

export const blankConfig = (brand = 'native'): ZoneConfig => ({
  zonepath: '',
  brand,
  autoboot: false,
  bootargs: '',
  pool: '',
  limitpriv: '',
  schedulingClass: '',
  ipType: 'shared',
  hostid: '',
  fsAllowed: '',
  resources: [],
});

/** What `create -t` knows besides the zones of the host: the files that distributions put into /etc/zones. */
export const TEMPLATES: Record<string, string> = {
  SUNWblank: 'native',
  SUNWdefault: 'native',
  SUNWlx: 'lx',
  SUNWsolaris10: 'solaris10',
  TRIBsparse: 'sparse-root',
  TRIBwhole: 'whole-root',
  TRIBalien: 'alien-root',
  TRIBappstack: 'appstack',
};

export const BRANDS = new Set([...Object.values(TEMPLATES), 'bhyve', 'emu', 'kvm', 'lipkg', 'pkgsrc', 'illumos']);

/** Brands that only an exclusive IP instance serves. */
export const EXCLUSIVE_BRANDS = new Set(['lx', 'bhyve', 'emu', 'kvm']);

export const copyOf = (config: ZoneConfig): ZoneConfig => structuredClone(config);

export const resourcesOf = (config: ZoneConfig, type: ResourceType): Resource[] =>
  config.resources.filter((resource) => resource.type === type);

/** The limit of a resource control, where it is set. */
export function rctlLimit(config: ZoneConfig, name: string): number | undefined {
  const rctl = resourcesOf(config, 'rctl').find((resource) => resource.simple.name === name);
  const limit = /limit=(\d+)/.exec(rctl?.lists.value?.[0] ?? '')?.[1];
  return limit === undefined ? undefined : Number(limit);
}

/** Set what an alias means, or take it away. */
export function setRctl(config: ZoneConfig, name: string, limit: number | undefined): void {
  config.resources = config.resources.filter(({ type, simple }) => type !== 'rctl' || simple.name !== name);
  if (limit === undefined) return;
  const action =
    name === 'zone.cpu-shares' || name === 'zone.cpu-cap' || name === 'zone.zfs-io-priority' ? 'none' : 'deny';
  config.resources.push({
    type: 'rctl',
    simple: { name },
    lists: { value: [`(priv=privileged,limit=${limit},action=${action})`] },
  });
}
