import type { ZoneConfig } from './zone-config.ts';

/** Everything that a modelled host remembers: what a real one keeps in its kernel, /etc/zones, /etc/dladm and SMF. */
export interface HostState {
  /** In the order of the index file, which is that of `zoneadm list -c`. */
  zones: Zone[];
  links: Link[];
  /** IP of the global zone (`global`) and of every exclusive-IP zone. */
  stacks: Record<string, IpStack>;
  /** State of the services, by zone and FMRI. */
  services: Record<string, Record<string, ServiceState>>;
  flows: Flow[];
  datasets: Dataset[];
  /** The next zone id, debug id and MAC address to be given. */
  next: { zoneId: number; did: number; mac: number };
  settings: Settings;
  faults: Fault[];
  races: Race[];
  /** Every command that was run, as typed. */
  transcript: string[];
}

/** zones(7), "Zone States": those of the index file, and those of the kernel. */
export type IndexState = 'configured' | 'incomplete' | 'installed';
export type KernelState = 'ready' | 'running' | 'shutting_down' | 'down' | 'mounted';

export interface Zone {
  name: string;
  did: number;
  /** Given at its installation. */
  uuid?: string;
  state: IndexState;
  config: ZoneConfig;
  /** Packages and overlays that it was installed with. */
  packages: string[];
  detached?: boolean;
  /** What the kernel has of it while it is ready or more. */
  kernel?: KernelZone;
}

export interface KernelZone {
  id: number;
  state: KernelState;
  bootedAt: number;
  bootArgs: string;
  /** What it was booted with: changes of the configuration take effect at the next boot. */
  config: ZoneConfig;
  /** A shutdown is under way, and ends then. */
  stopsAt?: number;
  shutdownFrom?: number;
  reboots?: boolean;
}

export interface Link {
  name: string;
  class: 'phys' | 'vnic' | 'etherstub';
  over?: string;
  mac?: string;
  macType?: 'random' | 'factory' | 'fixed';
  vid: number;
  mtu: number;
  speed: number;
  /** It is in the configuration that outlives a reboot of the host. */
  persistent: boolean;
  /** It is there now; a temporary deletion takes that away alone. */
  active: boolean;
  properties: Record<string, string>;
  temporaryProperties: Record<string, string>;
  /** The zone that has it while it runs. */
  zone?: string;
}

export interface IpStack {
  interfaces: IpInterface[];
  addresses: IpAddress[];
  routes: IpRoute[];
}
export interface IpInterface {
  name: string;
  persistent: boolean;
  properties: Record<string, string>;
  temporaryProperties: Record<string, string>;
}
export interface IpAddress {
  object: string;
  type: 'static' | 'dhcp' | 'addrconf';
  address: string;
  persistent: boolean;
}
export interface IpRoute {
  destination: string;
  gateway: string;
  persistent: boolean;
}

export type ServiceState = 'online' | 'disabled' | 'maintenance' | 'offline';

export interface Flow {
  name: string;
  link: string;
  attributes: string;
  persistent: boolean;
}

export interface Dataset {
  name: string;
  type: 'filesystem' | 'volume' | 'snapshot';
  mountpoint?: string;
  volsize?: string;
  origin?: string;
  properties: Record<string, string>;
}

export interface Settings {
  /** Where the host's `/` is on this machine. */
  root: string;
  /** Where zonecfg keeps a file for each zone, on this machine. */
  configFolder: string;
  /** Places of the host that count as being there. */
  present: string[];
  /** Nothing outside of these places is ever removed. */
  removable: string[];
  /** From boot to all services being up; from asking to being down; for an installation, a boot, a halt to return. */
  servicesMs: number;
  shutdownMs: number;
  installMs: number;
  bootMs: number;
  haltMs: number;
  /** How long `zoneadm shutdown` waits: the stop time limit of system/zones. */
  shutdownTimeoutMs: number;
  /** Zones whose services never end when they are asked to. */
  deaf: string[];
  /** 7 as in zoneadm(8), or 8 with the debug id after it. */
  listFields: 7 | 8;
  cpus: number;
  memoryMiB: number;
  /** Whether whoever runs commands may change zones. */
  privileged: boolean;
  /** What stirs the order in which zones boot with the host. */
  seed: number;
}

/** One command that does not end well. `of` is a regular expression on the command as typed; `nth` of those that fit. */
export interface Fault {
  of: string;
  nth: number;
  when: 'before' | 'middle' | 'after';
  how: 'fails' | 'hangs' | 'is killed';
}

/** What the next listing meets: its races, as the comments of zoneadm.c tell them. */
export interface Race {
  zone: string;
  /** `stops`: gone between two looks. `boots`: running, with no id yet. `unread`: placeholders where nothing could be read. */
  what: 'stops' | 'boots' | 'unread';
}

export const GLOBAL = 'global';

export const emptyStack = (): IpStack => ({ interfaces: [], addresses: [], routes: [] });

export const zoneNamed = (state: HostState, name: string): Zone | undefined =>
  state.zones.find((zone) => zone.name === name);

/** The one word that zoneadm has for it. */
export const wordOf = (zone: Zone): IndexState | KernelState => zone.kernel?.state ?? zone.state;

export const linkNamed = (state: HostState, name: string): Link | undefined =>
  state.links.find((link) => link.name === name && link.active);

/** The stack that a zone uses: its own where it is exclusive, else that of the host. */
export const stackOf = (state: HostState, zone: string): IpStack => {
  const config = zoneNamed(state, zone)?.kernel?.config;
  const owner = config?.ipType === 'exclusive' ? zone : GLOBAL;
  state.stacks[owner] ??= emptyStack();
  return state.stacks[owner];
};
