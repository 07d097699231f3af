import { mkdirSync } from 'node:fs';
import { type Call, ERR, OK, options, type Program, USAGE } from './call.ts';
import type { Dataset, HostState } from './state.ts';

/** zfs(8): list, get, set, create, destroy, snapshot and clone, as far as a host of zones needs them. */
export const zfs: Program = (call) => {
  const [word = '', ...args] = call.args;
  const act = Object.hasOwn(ACTS, word) ? ACTS[word] : undefined;
  if (!act) {
    call.err(`unrecognized command '${word}'`);
    return USAGE;
  }
  return call.host.change((state) => act({ ...call, args }, state));
};

type ZfsProgram = (call: Call, state: HostState) => number;

const named = (state: HostState, name: string): Dataset | undefined => state.datasets.find((one) => one.name === name);

function fail(call: Call, message: string): number {
  call.err(message);
  return ERR;
}

const list: ZfsProgram = (call, state) => {
  const asked = options(call.args, 'Hpro:t:s:S:d:');
  const columns = (asked.flags.get('o') ?? 'name,used,avail,refer,mountpoint').split(',');
  const types = (asked.flags.get('t') ?? 'filesystem,volume').split(',');
  const missing = asked.rest.find((name) => !named(state, name));
  if (missing !== undefined) return fail(call, `cannot open '${missing}': dataset does not exist`);
  const isUnder = (one: Dataset, name: string) =>
    one.name === name || (asked.flags.has('r') && (one.name.startsWith(`${name}/`) || one.name.startsWith(`${name}@`)));
  const found = state.datasets
    .filter((one) => types.includes(one.type) || types.includes('all') || asked.rest.includes(one.name))
    .filter((one) => asked.rest.length === 0 || asked.rest.some((name) => isUnder(one, name)))
    .sort((one, other) => (one.name < other.name ? -1 : 1));
  if (!asked.flags.has('H')) call.out(columns.map((column) => column.toUpperCase()).join('  '));
  for (const one of found)
    call.out(columns.map((column) => propertyOf(one, column)).join(asked.flags.has('H') ? '\t' : '  '));
  return OK;
};

function propertyOf(one: Dataset, name: string): string {
  const facts: Record<string, string | undefined> = {
    name: one.name,
    type: one.type,
    mountpoint: one.mountpoint,
    volsize: one.volsize,
    origin: one.origin,
    used: '24K',
    avail: '100G',
    available: '100G',
    refer: '24K',
    referenced: '24K',
    mounted: one.mountpoint === undefined ? '-' : 'yes',
  };
  return one.properties[name] ?? facts[name] ?? '-';
}

const get: ZfsProgram = (call, state) => {
  const asked = options(call.args, 'Hpro:s:t:');
  const [properties = '', ...names] = asked.rest;
  const columns = (asked.flags.get('o') ?? 'name,property,value,source').split(',');
  if (!asked.flags.has('H')) call.out(columns.map((column) => column.toUpperCase()).join('  '));
  for (const name of names) {
    const one = named(state, name);
    if (!one) return fail(call, `cannot open '${name}': dataset does not exist`);
    for (const property of properties.split(',')) {
      const cells: Record<string, string> = { name, property, value: propertyOf(one, property), source: '-' };
      call.out(columns.map((column) => cells[column] ?? '-').join(asked.flags.has('H') ? '\t' : '  '));
    }
  }
  return OK;
};

const set: ZfsProgram = (call, state) => {
  const [pair = '', name = ''] = call.args;
  const one = named(state, name);
  if (!one) return fail(call, `cannot open '${name}': dataset does not exist`);
  const [property = '', ...value] = pair.split('=');
  one.properties[property] = value.join('=');
  if (property === 'mountpoint') one.mountpoint = value.join('=');
  return OK;
};

const create: ZfsProgram = (call, state) => {
  const asked = options(call.args, 'psV:o:b:n');
  const [name = ''] = asked.rest;
  if (named(state, name)) {
    if (asked.flags.has('p')) return OK;
    return fail(call, `cannot create '${name}': dataset already exists`);
  }
  const parent = name.split('/').slice(0, -1).join('/');
  if (parent === '') return fail(call, `cannot create '${name}': missing dataset name`);
  if (!named(state, parent)) {
    if (!asked.flags.has('p')) return fail(call, `cannot create '${name}': parent does not exist`);
    const made = create({ ...call, args: ['-p', parent] }, state);
    if (made !== OK) return made;
  }
  const properties = Object.fromEntries(
    asked.all
      .filter(([letter]) => letter === 'o')
      .map(([, pair]) => [pair.split('=')[0]!, pair.split('=').slice(1).join('=')]),
  );
  const volsize = asked.flags.get('V');
  if (volsize !== undefined) {
    state.datasets.push({ name, type: 'volume', volsize, properties });
    return OK;
  }
  const inherited = named(state, parent)?.mountpoint;
  const mountpoint = properties.mountpoint ?? (inherited && `${inherited}/${name.split('/').at(-1)}`);
  state.datasets.push({ name, type: 'filesystem', ...(mountpoint === undefined ? {} : { mountpoint }), properties });
  if (mountpoint?.startsWith('/')) mkdirSync(call.host.path(mountpoint), { recursive: true });
  return OK;
};

const destroy: ZfsProgram = (call, state) => {
  const asked = options(call.args, 'rRfn');
  const [name = ''] = asked.rest;
  const one = named(state, name);
  if (!one) return fail(call, `cannot open '${name}': dataset does not exist`);
  const below = state.datasets.filter(
    (other) => other.name.startsWith(`${name}/`) || other.name.startsWith(`${name}@`),
  );
  if (below.length > 0 && !asked.flags.has('r') && !asked.flags.has('R')) {
    const kind = one.type === 'volume' ? 'volume' : 'filesystem';
    return fail(
      call,
      `cannot destroy '${name}': ${kind} has children\nuse '-r' to destroy the following datasets:\n${below.map((each) => each.name).join('\n')}`,
    );
  }
  const doomed = [one, ...below];
  const clone = state.datasets.find(
    (each) => !doomed.includes(each) && doomed.some((dead) => dead.name === each.origin),
  );
  if (clone && !asked.flags.has('R')) {
    return fail(
      call,
      `cannot destroy '${name}': filesystem has dependent clones\nuse '-R' to destroy the following datasets:\n${clone.name}`,
    );
  }
  const isBusy = state.zones.some(
    ({ kernel }) => kernel && doomed.some((dead) => dead.mountpoint === kernel.config.zonepath),
  );
  if (isBusy) return fail(call, `cannot unmount '${one.mountpoint}': Device busy`);
  state.datasets = state.datasets.filter((each) => !doomed.includes(each));
  for (const { mountpoint, type } of doomed) if (type === 'filesystem' && mountpoint) call.host.remove(mountpoint);
  return OK;
};

const snapshot: ZfsProgram = (call, state) => {
  const [name = ''] = options(call.args, 'ro:').rest;
  const source = named(state, name.split('@')[0]!);
  if (!source) return fail(call, `cannot open '${name.split('@')[0]}': dataset does not exist`);
  if (named(state, name)) return fail(call, `cannot create snapshot '${name}': dataset already exists`);
  state.datasets.push({ name, type: 'snapshot', properties: {} });
  return OK;
};

const clone: ZfsProgram = (call, state) => {
  const [from = '', name = ''] = options(call.args, 'po:').rest;
  if (!named(state, from)) return fail(call, `cannot open '${from}': dataset does not exist`);
  if (named(state, name)) return fail(call, `cannot create '${name}': dataset already exists`);
  const made = create({ ...call, args: [name] }, state);
  if (made === OK) named(state, name)!.origin = from;
  return made;
};

const ACTS: Record<string, ZfsProgram> = { list, get, set, create, destroy, snapshot, clone };
