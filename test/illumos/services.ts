import { type Call, ERR, Exit, OK, options, type Program, USAGE } from './call.ts';
import { GLOBAL, type HostState, zoneNamed } from './state.ts';

/** svcadm(8) and svcs(1): services of the zone that they run in, or of `-z ZONE`. */
export const svcadm: Program = (call) => {
  const asked = options(call.args, 'z:vZ');
  const [verb, ...rest] = asked.rest;
  const inner = options(rest, 'rst');
  if (verb === undefined || inner.rest.length === 0) {
    call.err('Usage: svcadm [-v] [cmd [args ... ]]');
    return USAGE;
  }
  return call.host.change((state) => {
    const services = servicesIn(state, call, asked.flags.get('z'));
    for (const pattern of inner.rest) {
      const fmri = matching(services, pattern);
      if (fmri === undefined) {
        call.err(`svcadm: Pattern '${pattern}' doesn't match any instances`);
        return ERR;
      }
      const next = { enable: 'online', disable: 'disabled', clear: 'online' } as const;
      if (verb === 'enable' || verb === 'disable' || verb === 'clear') services[fmri] = next[verb];
      else if (verb !== 'restart' && verb !== 'refresh' && verb !== 'mark')
        throw new Exit(`${verb}: unknown subcommand`, USAGE);
    }
    return OK;
  });
};

export const svcs: Program = (call) => {
  const asked = options(call.args, 'z:Hao:xp');
  return call.host.change((state) => {
    const services = servicesIn(state, call, asked.flags.get('z'));
    const columns = (asked.flags.get('o') ?? 'state,stime,fmri').split(',');
    const found = asked.rest.length === 0 ? Object.keys(services) : asked.rest.map((one) => matching(services, one));
    if (!asked.flags.has('H')) call.out(columns.map((column) => column.toUpperCase()).join(' '));
    for (const [at, fmri] of found.entries()) {
      if (fmri === undefined) {
        call.err(`svcs: Pattern '${asked.rest[at]}' doesn't match any instances`);
        return ERR;
      }
      const values: Record<string, string> = { state: services[fmri] ?? '', stime: '10:00:00', fmri };
      call.out(columns.map((column) => values[column] ?? '-').join(' '));
    }
    return OK;
  });
};

function servicesIn(state: HostState, call: Call, named: string | undefined) {
  const zone = named ?? call.zone;
  if (zone !== GLOBAL && zoneNamed(state, zone)?.kernel?.state !== 'running') {
    throw new Exit(`zone '${zone}' is not running`);
  }
  state.services[zone] ??= {};
  return state.services[zone];
}

/** The whole FMRI, or a part of it at the end: `network/dnsmasq`, `ssh`. */
const matching = (services: Record<string, string>, pattern: string): string | undefined =>
  Object.keys(services).find(
    (fmri) =>
      fmri === pattern ||
      fmri.replace(/:[^:/]*$/, '').endsWith(`/${pattern.replace(/^svc:\//, '').replace(/:default$/, '')}`),
  );
