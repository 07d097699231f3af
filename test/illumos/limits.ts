import { type Call, Exit, OK, options, type Program, USAGE } from './call.ts';
import { type HostState, type KernelZone, zoneNamed } from './state.ts';
import { rctlLimit, resourcesOf, setRctl } from './zone-config.ts';
import { bytesOf } from './zonecfg-text.ts';

/** Limits of a zone that runs, until it is booted again: prctl(1), rcapadm(8). */

/** `-i zone`, and one resource control. With `-v` it is set (`-s`) or replaced (`-r`), with `-x` deleted, else shown. */
export const prctl: Program = (call) => {
  const asked = options(call.args, 'Pt:n:srxv:e:d:p:i:');
  const [name] = asked.rest;
  const control = asked.flags.get('n');
  if (asked.bad !== undefined || name === undefined || control === undefined || asked.flags.get('i') !== 'zone') {
    call.err('Usage:');
    return USAGE;
  }
  return call.host.change((state) => {
    const { config, id } = running(state, name);
    const now = rctlLimit(config, control);
    const value = asked.flags.get('v');
    if (value === undefined && !asked.flags.has('x')) {
      show(call, { name, id, control, now, isParsable: asked.flags.has('P') });
      return OK;
    }
    const isPrivileged = asked.flags.get('t') === 'privileged';
    if (!isPrivileged && !asked.flags.has('x')) throw new Exit(`${control}: basic values need a process`);
    if (asked.flags.has('r') && now === undefined) throw new Exit(`failed to find rctl ${control} to replace`);
    setRctl(config, control, asked.flags.has('x') ? undefined : bytesOf(value ?? ''));
    return OK;
  });
};

function running(state: HostState, name: string): KernelZone {
  const kernel = zoneNamed(state, name)?.kernel;
  if (!kernel) throw new Exit(`${name}: No such zone`);
  return kernel;
}

interface Shown {
  name: string;
  id: number;
  control: string;
  now: number | undefined;
  isParsable: boolean;
}

/** Parsable: name, privilege, value, flag, action and recipient, a line a value. */
function show(call: Call, { name, id, control, now, isParsable }: Shown): void {
  call.out(`zone: ${id}: ${name}`);
  const values: string[][] = [
    ['usage', '0', '-', '-', '-'],
    ...(now === undefined ? [] : [['privileged', String(now), '-', 'deny', '-']]),
    ['system', '4294967295', 'inf', 'deny', '-'],
  ];
  if (!isParsable) for (const line of ['NAME    PRIVILEGE       VALUE    FLAG   ACTION', control]) call.out(line);
  for (const value of values) call.out(isParsable ? [control, ...value].join(' ') : `        ${value.join(' ')}`);
}

/** `-z ZONE -m VALUE`: the cap of its memory, with a scale. */
export const rcapadm: Program = (call) => {
  const asked = options(call.args, 'nEDi:c:z:m:');
  const [name, bytes] = [asked.flags.get('z'), bytesOf(asked.flags.get('m') ?? '')];
  if (asked.bad !== undefined || name === undefined || bytes === undefined) {
    call.err('usage: rcapadm [-z zonename -m maxvalue]');
    return USAGE;
  }
  return call.host.change((state) => {
    const { config } = running(state, name);
    const [cap] = resourcesOf(config, 'capped-memory');
    if (cap) cap.simple.physical = String(bytes);
    else config.resources.push({ type: 'capped-memory', simple: { physical: String(bytes) }, lists: {} });
    return OK;
  });
};
