import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { type Kept, keep } from './keep.ts';
import type { Machine } from './machine.ts';
import { CENTRAL, DOMAIN, HOSTS, UNDERLAY } from './plan.ts';
import type { ProcessId } from './processes.ts';
import { type Program, startProgram } from './program.ts';

const AGENT = fileURLToPath(new URL('../../agent/main.ts', import.meta.url));
const STOP_MS = 5_000;

export interface AgentPartOptions {
  rigDir: string;
  name: string;
  stateFolder: string;
  /** Undefined: it runs beside the rig's machines, as with --hypervisor. */
  machine: (() => Promise<Machine>) | undefined;
  hypervisorUri: string;
  service: { host: string; port: number };
  ca: string;
  /** The file with its account. */
  credentials: string;
  people: readonly { jid: string; role: string }[];
  started: (name: string, process: ProcessId) => void;
  say: (line: string) => void;
}

/** Keep a host's agent running, inside the host. */
export function keepAgent(options: AgentPartOptions): Kept<Program> {
  const { rigDir, name, stateFolder, machine, say, started } = options;
  const partName = `${name} agent`;
  return keep({
    name: partName,
    async start() {
      const config = join(stateFolder, 'agent.yaml');
      for (const folder of ['images', 'disks', VOLUMES]) await mkdir(join(stateFolder, folder), { recursive: true });
      await writeFile(config, stringify(agentConfig(options)), { mode: 0o600 });
      const program = await startProgram({
        rigDir,
        name: partName,
        argv: [process.execPath, AGENT, '--config', config],
        machine: await machine?.(),
        logFile: join(stateFolder, 'agent.log'),
      });
      started(partName, program.process);
      return program;
    },
    end: (program) => program.stop(STOP_MS),
    say,
  });
}

/** The folder of a host's volumes. */
const VOLUMES = 'volumes';

const agentConfig = (options: AgentPartOptions): object => ({
  jid: `${options.name}@${DOMAIN}`,
  credentials: options.credentials,
  service: options.service,
  ca: options.ca,
  central: CENTRAL,
  drivers: [
    {
      kind: 'libvirt',
      uri: options.hypervisorUri,
      imageFolder: join(options.stateFolder, 'images'),
      diskFolder: join(options.stateFolder, 'disks'),
    },
    ...(options.machine ? [{ kind: 'lxc', imageFolder: join(options.stateFolder, 'images') }] : []),
  ],
  // Beside the rig's machines there are no zones, and nothing is made: they are namespaces, and this is not.
  ...(options.machine
    ? {
        networks: { driver: 'linux', underlay: UNDERLAY },
        volumes: {
          folder: join(options.stateFolder, VOLUMES),
          addresses: HOSTS.flatMap(({ name, address }) => (name === options.name ? [address] : [])),
        },
      }
    : {}),
  state: join(options.stateFolder, 'agent'),
  policy: { grants: options.people.map(({ jid, role }) => ({ jid, role })) },
});
