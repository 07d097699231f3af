import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Address } from '#shared/ejabberd/address.ts';
import { type Ejabberd, startEjabberd } from '../ejabberd/server.ts';
import { type Certificates, ensureCertificates } from '../pki/certificates.ts';
import type { DoorName } from './doors.ts';
import { writeMachineFiles } from './host.ts';
import { type Kept, keep } from './keep.ts';
import { joinSegment, makeSegment } from './links.ts';
import { type Machine, startMachine } from './machine.ts';
import { CENTRAL, COMPONENT, DOMAIN, SERVER_ADDRESS } from './plan.ts';
import { areGone, childrenOf, type ProcessId, processId, signal } from './processes.ts';

/** Where ejabberd listens for clients of the machine that the rig is on: in its own machine's private /run. */
const SOCKETS = '/run/ejabberd';
const socketOf = (name: DoorName | 'api'): string => `${SOCKETS}/${name}.sock`;
/** Of ejabberd's API, as its machine sees it. */
export const API_SOCKET = socketOf('api');
const EJABBERD_STOP_MS = 10_000;

/** Where agents connect, in the rig's own network. */
export const SERVICE = { host: SERVER_ADDRESS, port: 5222 };

export interface RunningEjabberd {
  readonly ejabberd: Ejabberd;
  readonly process: ProcessId;
  readonly ended: Promise<void>;
}

export interface ServerPart {
  readonly machine: Kept<Machine>;
  readonly ejabberd: Kept<RunningEjabberd>;
  /** The certificate authority's file. */
  readonly ca: string;
  stop(): Promise<void>;
}

export interface ServerPartOptions {
  rigDir: string;
  stateFolder: string;
  names: ReadonlyMap<string, string>;
  httpPort: () => number;
  /** Of central's component. */
  centralSecret: string;
  /** The hosts' machines that run at the moment: a new segment must be joined to them. */
  hosts: () => readonly Machine[];
  started: (name: string, process: ProcessId) => void;
  say: (line: string) => void;
}

/** The path of one of ejabberd's sockets as the main mount namespace sees it. */
export const doorTarget = (machine: Machine | undefined, door: DoorName): string | undefined =>
  machine === undefined ? undefined : outside(machine)(socketOf(door));

/** Keep the server's machine, with the segment in it, and ejabberd in that. */
export async function keepServer(options: ServerPartOptions): Promise<ServerPart> {
  const { rigDir, stateFolder, say, started } = options;
  await writeMachineFiles(stateFolder, 'server', options.names);
  const certificates = await ensureCertificates(join(stateFolder, 'pki'), DOMAIN);
  const machine = keep({
    name: 'server',
    async start() {
      const made = await startMachine({ rigDir, role: 'server', name: 'server', stateFolder });
      await makeSegment(made, SERVER_ADDRESS);
      for (const host of options.hosts()) await joinSegment(made, host);
      made.begin();
      started('server', made.init);
      return made;
    },
    end: (made) => made.kill(),
    say,
  });
  const ejabberd = keep({
    name: 'ejabberd',
    async start() {
      const running = await startInside(await machine.now(), options, certificates);
      started('ejabberd', running.process);
      return running;
    },
    end: endEjabberd,
    say,
  });
  return {
    machine,
    ejabberd,
    ca: certificates.ca,
    async stop() {
      await ejabberd.stop();
      await machine.stop();
    },
  };
}

/** On one machine a question costs nothing: a host whose cable is pulled is missed sooner than on a site. */
const SILENCE_S = 10;

async function startInside(
  machine: Machine,
  { stateFolder, httpPort, centralSecret }: ServerPartOptions,
  certificates: Certificates,
): Promise<RunningEjabberd> {
  await mkdir(outside(machine)(SOCKETS), { recursive: true, mode: 0o700 });
  const at = (name: DoorName | 'api'): Address => ({ socket: socketOf(name) });
  const ejabberd = await startEjabberd({
    domain: DOMAIN,
    folder: join(stateFolder, 'ejabberd'),
    certificate: certificates.server,
    authority: certificates.ca,
    listen: {
      starttls: [at('starttls'), { ip: SERVER_ADDRESS, port: SERVICE.port }],
      directTls: [at('directTls'), { ip: SERVER_ADDRESS, port: 5223 }],
      // Where uploads are is one URL for all: central, in here, and clients outside find it at the same port of loopback.
      http: [at('http'), { ip: '127.0.0.1', port: httpPort() }],
      api: [at('api')],
      component: [COMPONENT],
    },
    components: { [CENTRAL]: centralSecret },
    httpUrl: `http://127.0.0.1:${httpPort()}`,
    silenceS: SILENCE_S,
    // setsid: Ctrl-C at the terminal is for the supervisor only.
    prefix: ['setsid', ...machine.enter([])],
    outside: outside(machine),
  });
  // Through nsenter, which must fork to enter a PID namespace, ejabberd is its child.
  const [inner] = childrenOf(ejabberd.pid);
  const process = inner === undefined ? undefined : processId(inner);
  if (process === undefined) throw new Error('ejabberd answered and is not there');
  return { ejabberd, process, ended: ejabberd.ended };
}

async function endEjabberd({ process, ejabberd }: RunningEjabberd): Promise<void> {
  signal(process, 'SIGTERM');
  if (!(await areGone([process], EJABBERD_STOP_MS))) signal(process, 'SIGKILL');
  await ejabberd.ended;
}

const outside =
  (machine: Machine) =>
  (path: string): string =>
    `${machine.run}${path.slice('/run'.length)}`;
