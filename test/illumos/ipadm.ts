import { type Call, Exit, OK, type Options, options, type Program } from './call.ts';
import { printed } from './columns.ts';
import { GLOBAL, type HostState, type IpInterface, type IpStack, linkNamed, stackOf } from './state.ts';

/** ipadm(8): interfaces, addresses and their properties, in the stack of the zone that it runs in. */
export const ipadm: Program = (call) => {
  const [word = 'show-addr', ...args] = call.args;
  const act = Object.hasOwn(ACTS, word) ? ACTS[word] : undefined;
  if (!act) throw new Exit(`unknown subcommand '${word}'`);
  return call.host.change((state) => act({ ...call, args }, stackOf(state, call.zone), state));
};

type IpProgram = (call: Call, stack: IpStack, state: HostState) => number;

const LONG = {
  temporary: 't',
  output: 'o',
  parsable: 'p',
  prop: 'p',
  module: 'm',
  address: 'a',
  down: 'd',
  release: 'r',
};

const read = (call: Call, letters: string): Options => {
  const asked = options(call.args, letters, LONG);
  if (asked.bad !== undefined) throw new Exit(`unrecognized option '-${asked.bad}'`);
  return asked;
};

const createIf: IpProgram = (call, stack, state) => {
  const asked = read(call, 't');
  const [name = ''] = asked.rest;
  const link = linkNamed(state, name);
  const isMine = link && (link.zone ?? GLOBAL) === call.zone && link.class !== 'etherstub';
  if (!isMine) throw new Exit(`cannot create interface ${name}: no such interface`);
  if (stack.interfaces.some((one) => one.name === name)) {
    throw new Exit(`cannot create interface ${name}: Interface already exists`);
  }
  stack.interfaces.push({ name, persistent: !asked.flags.has('t'), properties: {}, temporaryProperties: {} });
  return OK;
};

const deleteIf: IpProgram = (call, stack, state) => {
  const [name = ''] = read(call, '').rest;
  interfaceIn(stack, name, `cannot delete interface ${name}`);
  const isUsed = state.zones.some(
    ({ kernel }) =>
      kernel?.config.ipType === 'shared' && kernel.config.resources.some(({ simple }) => simple.physical === name),
  );
  if (isUsed && call.zone === GLOBAL) throw new Exit(`cannot delete interface ${name}: Operation failed`);
  stack.interfaces = stack.interfaces.filter((one) => one.name !== name);
  stack.addresses = stack.addresses.filter(({ object }) => !object.startsWith(`${name}/`));
  return OK;
};

function interfaceIn(stack: IpStack, name: string, doing: string): IpInterface {
  const found = stack.interfaces.find((one) => one.name === name);
  if (!found) throw new Exit(`${doing}: no such interface`);
  return found;
}

const showIf: IpProgram = (call, stack) => {
  const asked = read(call, 'po:');
  const [name] = asked.rest;
  if (name !== undefined) interfaceIn(stack, name, `cannot get information for interface(s)`);
  const rows = stack.interfaces
    .filter((one) => name === undefined || one.name === name)
    .map((one) => ({
      IFNAME: one.name,
      STATE: stack.addresses.some(({ object }) => object.startsWith(`${one.name}/`)) ? 'ok' : 'down',
      CURRENT: 'bm--------46',
      PERSISTENT: one.persistent ? '-46' : '---',
    }));
  return print(call, asked, 'p', ['IFNAME', 'STATE', 'CURRENT', 'PERSISTENT'], rows);
};

function print(
  call: Call,
  asked: Options,
  letter: string,
  fields: string[],
  rows: Record<string, string | undefined>[],
) {
  for (const line of printed({ fields, rows }, { parsable: asked.flags.has(letter), output: asked.flags.get('o') })) {
    call.out(line);
  }
  return OK;
}

const setIfprop: IpProgram = (call, stack) => {
  const asked = read(call, 'tp:m:');
  const [name = ''] = asked.rest;
  const [property = '', value = ''] = (asked.flags.get('p') ?? '').split('=');
  const protocol = asked.flags.get('m');
  if (protocol === undefined || property === '' || name === '') {
    throw new Exit('Usage: set-ifprop [-t] -p <prop>=<value[,...]> -m <protocol> <interface>');
  }
  const one = interfaceIn(stack, name, `set-ifprop: ${property}`);
  if (!PROPERTIES.includes(property)) throw new Exit(`set-ifprop: ${property}: unknown property`);
  if (property === 'forwarding' && value !== 'on' && value !== 'off') {
    throw new Exit(`set-ifprop: ${property}: invalid value`);
  }
  one.temporaryProperties[`${protocol}/${property}`] = value;
  if (!asked.flags.has('t')) one.properties[`${protocol}/${property}`] = value;
  return OK;
};

const PROPERTIES = ['arp', 'exchange_routes', 'forwarding', 'metric', 'mtu', 'nud', 'usesrc'];

const showIfprop: IpProgram = (call, stack) => {
  const asked = read(call, 'co:p:m:');
  const [name] = asked.rest;
  if (name !== undefined && !stack.interfaces.some((one) => one.name === name)) {
    throw new Exit(`no such object '${name}': no such interface`);
  }
  const protocol = asked.flags.get('m') ?? 'ipv4';
  const properties = asked.flags.get('p')?.split(',') ?? PROPERTIES;
  const rows = stack.interfaces
    .filter((one) => name === undefined || one.name === name)
    .flatMap((one) =>
      properties.map((property) => {
        const key = `${protocol}/${property}`;
        const usual = property === 'forwarding' ? 'off' : undefined;
        return {
          IFNAME: one.name,
          PROPERTY: property,
          PROTO: protocol,
          PERM: 'rw',
          CURRENT: one.temporaryProperties[key] ?? one.properties[key] ?? usual,
          PERSISTENT: one.properties[key],
          DEFAULT: usual,
          POSSIBLE: property === 'forwarding' ? 'on,off' : undefined,
        };
      }),
    );
  const fields = ['IFNAME', 'PROPERTY', 'PROTO', 'PERM', 'CURRENT', 'PERSISTENT', 'DEFAULT', 'POSSIBLE'];
  return print(call, asked, 'c', fields, rows);
};

const createAddr: IpProgram = (call, stack) => {
  const asked = read(call, 'tT:a:dh:w:1i:p:');
  const [object = ''] = asked.rest;
  const type = asked.flags.get('T');
  if (type !== 'static' && type !== 'dhcp' && type !== 'addrconf') throw new Exit('Invalid arguments');
  const [name = '', tag = ''] = object.split('/');
  if (!/^[a-z]\w{0,31}$/i.test(tag)) throw new Exit(`invalid address object name: ${object}`);
  if (stack.addresses.some((one) => one.object === object)) {
    throw new Exit('Could not create address: Address object already exists');
  }
  const given = (asked.flags.get('a') ?? '').replace(/^local=/, '').split(',')[0]!;
  if (type === 'static' && !/^[\d.]+(\/\d+)?$|:/.test(given))
    throw new Exit('Could not create address: Invalid address');
  const address =
    type === 'static'
      ? given.includes('/')
        ? given
        : `${given}/24`
      : type === 'dhcp'
        ? '192.0.2.77/24'
        : 'fe80::1/10';
  if (stack.addresses.some((one) => hostPart(one.address) === hostPart(address))) {
    throw new Exit('Could not create address: Address already in use');
  }
  const persistent = !asked.flags.has('t');
  if (!stack.interfaces.some((one) => one.name === name)) {
    throw new Exit('Could not create address: No such interface');
  }
  stack.addresses.push({ object, type, address, persistent });
  return OK;
};

const hostPart = (address: string): string => address.split('/')[0]!;

const deleteAddr: IpProgram = (call, stack) => {
  const [object = ''] = read(call, 'r').rest;
  if (!stack.addresses.some((one) => one.object === object)) {
    throw new Exit(`could not delete address: Object not found`);
  }
  stack.addresses = stack.addresses.filter((one) => one.object !== object);
  return OK;
};

const showAddr: IpProgram = (call, stack) => {
  const asked = read(call, 'po:');
  const [object] = asked.rest;
  if (object !== undefined && !stack.addresses.some((one) => fits(one.object, object))) {
    throw new Exit(`cannot get address information: Object not found`);
  }
  const rows = stack.addresses
    .filter((one) => object === undefined || fits(one.object, object))
    .map((one) => ({
      ADDROBJ: one.object,
      TYPE: one.type,
      STATE: 'ok',
      CURRENT: 'U----',
      PERSISTENT: one.persistent ? 'U--' : '---',
      ADDR: one.address,
    }));
  return print(call, asked, 'p', ['ADDROBJ', 'TYPE', 'STATE', 'CURRENT', 'PERSISTENT', 'ADDR'], rows);
};

/** `net0/v4`, or `net0/` for all of an interface. */
const fits = (object: string, asked: string): boolean =>
  object === asked || (asked.endsWith('/') && object.startsWith(asked));

const ACTS: Record<string, IpProgram> = {
  'create-if': createIf,
  'create-ip': createIf,
  'delete-if': deleteIf,
  'delete-ip': deleteIf,
  'show-if': showIf,
  'set-ifprop': setIfprop,
  'show-ifprop': showIfprop,
  'create-addr': createAddr,
  'delete-addr': deleteAddr,
  'show-addr': showAddr,
};
