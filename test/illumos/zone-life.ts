import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { emptyStack, GLOBAL, type HostState, linkNamed, type ServiceState, type Zone } from './state.ts';
import { copyOf, resourcesOf } from './zone-config.ts';

/** What zoneadmd does with a zone: bring it up, bring it down. */

/** Give it an id and its links: state `ready`. Returns why that cannot be; nothing has changed then. */
export function readyZone(state: HostState, zone: Zone, now: number): string | undefined {
  const links = resourcesOf(zone.config, 'net').map((net) => net.simple.physical ?? '');
  if (zone.config.ipType === 'exclusive') {
    for (const name of links) {
      const problem = unfit(state, zone, name);
      if (problem) return problem;
    }
    for (const name of links) linkNamed(state, name)!.zone = zone.name;
  }
  zone.kernel = {
    id: state.next.zoneId++,
    state: 'ready',
    bootedAt: now,
    bootArgs: '',
    config: copyOf(zone.config),
  };
  return undefined;
}

function unfit(state: HostState, zone: Zone, name: string): string | undefined {
  const link = linkNamed(state, name);
  if (state.stacks[GLOBAL]?.interfaces.some((one) => one.name === name)) {
    return `WARNING: skipping network interface '${name}' which is used in the global zone`;
  }
  if (!link) return `WARNING: unable to add network interface '${name}': object not found`;
  if (link.zone !== undefined && link.zone !== zone.name) {
    return `WARNING: unable to add network interface '${name}': link busy`;
  }
  return undefined;
}

/** Start init in it: state `running`. */
export function bootZone(state: HostState, zone: Zone, bootArgs: string, now: number): void {
  const kernel = zone.kernel!;
  Object.assign(kernel, { state: 'running', bootedAt: now, bootArgs });
  state.services[zone.name] ??= firstServices(zone);
  if (kernel.config.ipType === 'exclusive') plumb(state, zone);
  runScripts(state, zone);
}

/** Its processes are gone, its links free, what was temporary forgotten: state `installed`. */
export function endZone(state: HostState, zone: Zone): void {
  delete zone.kernel;
  for (const link of state.links) {
    if (link.zone !== zone.name) continue;
    delete link.zone;
    link.temporaryProperties = {};
  }
  const stack = state.stacks[zone.name];
  if (!stack) return;
  stack.interfaces = stack.interfaces.filter((one) => one.persistent);
  for (const one of stack.interfaces) one.temporaryProperties = {};
  stack.addresses = stack.addresses.filter((one) => one.persistent);
  stack.routes = stack.routes.filter((one) => one.persistent);
}

const firstServices = (zone: Zone): Record<string, ServiceState> => {
  const has = (word: string) => zone.packages.some((name) => name.toLowerCase().includes(word));
  return {
    'svc:/milestone/multi-user:default': 'online',
    'svc:/network/physical:default': 'online',
    'svc:/system/console-login:default': 'online',
    'svc:/network/ssh:default': 'online',
    ...(has('ipfilter') ? { 'svc:/network/ipfilter:default': 'disabled' as const } : {}),
    ...(has('dnsmasq') ? { 'svc:/network/dnsmasq:default': 'disabled' as const } : {}),
    ...(has('haproxy') ? { 'svc:/network/haproxy:default': 'disabled' as const } : {}),
  };
};

/** svc:/network/physical of an exclusive zone: its hostname files, and what `allowed-address` and `defrouter` say. */
function plumb(state: HostState, zone: Zone): void {
  state.stacks[zone.name] ??= emptyStack();
  const stack = state.stacks[zone.name]!;
  const plain = { persistent: false, properties: {}, temporaryProperties: {} };
  const have = (name: string) => {
    if (!stack.interfaces.some((one) => one.name === name)) stack.interfaces.push({ name, ...structuredClone(plain) });
  };
  const give = (name: string, address: string, tag: string) => {
    have(name);
    if (stack.addresses.some((one) => one.object === `${name}/${tag}`)) return;
    stack.addresses.push({ object: `${name}/${tag}`, type: 'static', address, persistent: false });
  };
  have('lo0');
  give('lo0', '127.0.0.1/8', 'v4');
  for (const { simple } of resourcesOf(zone.kernel!.config, 'net')) {
    const physical = simple.physical ?? '';
    if (simple['allowed-address']) give(physical, simple['allowed-address'], 'v4');
    const file = inRoot(state, zone, `etc/hostname.${physical}`);
    if (existsSync(file)) {
      for (const word of readFileSync(file, 'utf8')
        .split(/\s+/)
        .filter((part) => /^[\d.]+\/\d+$/.test(part))) {
        give(physical, word, '_a');
      }
    }
    if (simple.defrouter) addRoute(simple.defrouter);
  }
  const router = inRoot(state, zone, 'etc/defaultrouter');
  if (existsSync(router)) addRoute(readFileSync(router, 'utf8').trim());
  function addRoute(gateway: string): void {
    if (gateway === '' || stack.routes.some((route) => route.gateway === gateway)) return;
    stack.routes.push({ destination: 'default', gateway, persistent: false });
  }
}

/** The scripts of run level 2 and 3, as far as they set properties of interfaces and enable services. */
function runScripts(state: HostState, zone: Zone): void {
  for (const folder of ['etc/rc2.d', 'etc/rc3.d']) {
    const place = inRoot(state, zone, folder);
    if (!existsSync(place)) continue;
    for (const name of readdirSync(place)
      .filter((one) => one.startsWith('S'))
      .sort()) {
      for (const line of readFileSync(join(place, name), 'utf8').split('\n')) scriptLine(state, zone, line.trim());
    }
  }
}

function scriptLine(state: HostState, zone: Zone, line: string): void {
  const property = /(?:^|\/)ipadm set-ifprop (?:-t )?-p (\w+)=(\S+) -m ipv4 (\S+)$/.exec(line);
  const owner = zone.kernel!.config.ipType === 'exclusive' ? zone.name : GLOBAL;
  if (property) {
    const [, name = '', value = '', physical] = property;
    const one = state.stacks[owner]?.interfaces.find((each) => each.name === physical);
    if (one) one.temporaryProperties[`ipv4/${name}`] = value;
  }
  const service = /(?:^|\/)svcadm enable (?:-s )?(\S+)$/.exec(line)?.[1];
  const fmri = Object.keys(state.services[zone.name] ?? {}).find((one) => service && one.includes(`/${service}:`));
  if (fmri) state.services[zone.name]![fmri] = 'online';
}

export const inRoot = (state: HostState, zone: Zone, place: string): string =>
  join(state.settings.root, zone.config.zonepath, 'root', place);

/**
 * Whether packets pass from one leg of a zone to another: forwarding is on for two of its interfaces, and no link
 * protection drops what is not from its own address.
 * Source: dladm(8), `allowed-ips`; zonecfg(8), `allowed-address`
 */
export function forwards(state: HostState, zone: Zone): boolean {
  if (zone.kernel?.state !== 'running' || zone.kernel.config.ipType !== 'exclusive') return false;
  const nets = resourcesOf(zone.kernel.config, 'net');
  const legs = (state.stacks[zone.name]?.interfaces ?? []).filter((one) => {
    const value = one.temporaryProperties['ipv4/forwarding'] ?? one.properties['ipv4/forwarding'];
    const isGuarded = nets.some((net) => net.simple.physical === one.name && net.simple['allowed-address']);
    return value === 'on' && !isGuarded;
  });
  return legs.length >= 2;
}
