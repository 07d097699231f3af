import { Broken, type Call, ERR, Exit, Killed, type Program } from './call.ts';
import { dladm } from './dladm.ts';
import { flowadm } from './flowadm.ts';
import type { IllumosHost } from './host.ts';
import { ipadm } from './ipadm.ts';
import { prctl, rcapadm } from './limits.ts';
import { kstat, prtconf, psrinfo, uname, zonename } from './machine.ts';
import { route } from './route.ts';
import { svcadm, svcs } from './services.ts';
import { type Fault, GLOBAL } from './state.ts';
import { zfs } from './zfs.ts';
import { zlogin } from './zlogin.ts';
import { zoneadm } from './zoneadm.ts';
import { zonecfg } from './zonecfg.ts';

/** The programs of a modelled host, by the name that they are called by. */
export const PROGRAMS: Record<string, Program> = {
  dladm,
  flowadm,
  ipadm,
  kstat,
  prctl,
  prtconf,
  psrinfo,
  rcapadm,
  route,
  svcadm,
  svcs,
  uname,
  zfs,
  zlogin: zlogin((name) => programNamed(name)),
  zoneadm,
  zonecfg,
  zonename,
};

export const programNamed = (name: string): Program | undefined =>
  Object.hasOwn(PROGRAMS, name) ? PROGRAMS[name] : undefined;

export interface Asked {
  name: string;
  args: readonly string[];
  input?: string;
  isProcess?: boolean;
  /** Waits are given up, and the program is gone. */
  signal: AbortSignal;
}

export interface Ended {
  stdout: string;
  stderr: string;
  code: number;
}

/**
 * Run a program of a host to its end, with the fault that was ordered for it.
 * @throws Killed where it is to die; the signal's reason where that ends it; it never ends where it is to hang
 */
export async function perform(host: IllumosHost, program: Program, asked: Asked): Promise<Ended> {
  const fault = host.change((state) => {
    const line = [asked.name, ...asked.args].join(' ');
    state.transcript.push(line);
    return dueFault(state.faults, line);
  });
  const out: string[] = [];
  const err: string[] = [];
  const breaks = (when: Fault['when']) => (fault?.when === when ? breakdown(fault, asked) : undefined);
  const call: Call = {
    host,
    name: asked.name,
    args: asked.args,
    input: asked.input ?? '',
    zone: GLOBAL,
    isProcess: asked.isProcess ?? false,
    signal: asked.signal,
    out: (line) => out.push(`${line}\n`),
    err: (line) => err.push(`${line}\n`),
    takes: (ms) => (ms > 0 ? waited(ms, asked.signal) : Promise.resolve()),
    middle: async () => breaks('middle'),
  };
  let code: number;
  try {
    await breaks('before');
    code = await program(call);
    await breaks('after');
  } catch (error) {
    if (!(error instanceof Exit)) throw error;
    err.push(`${asked.name}: ${error.message}\n`);
    code = error.code;
  }
  return { stdout: out.join(''), stderr: err.join(''), code };
}

/** Each command that fits brings a fault nearer; it happens once. */
function dueFault(faults: Fault[], line: string): Fault | undefined {
  let due: Fault | undefined;
  for (const fault of faults) if (new RegExp(fault.of).test(line)) fault.nth--;
  const at = faults.findIndex((fault) => fault.nth === 0);
  if (at >= 0) [due] = faults.splice(at, 1);
  return due;
}

async function breakdown({ how }: Fault, { signal }: Asked): Promise<void> {
  if (how === 'hangs') await waited(2 ** 31 - 1, signal);
  if (how === 'is killed') throw new Killed();
  throw new Broken('I/O error', ERR);
}

function waited(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', gone, { once: true });
    function done(): void {
      signal.removeEventListener('abort', gone);
      resolve();
    }
    function gone(): void {
      clearTimeout(timer);
      reject(signal.reason);
    }
  });
}
