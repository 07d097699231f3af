import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { type Kept, keep } from './keep.ts';
import type { Machine } from './machine.ts';
import { CENTRAL, COMPONENT, PUBSUB, ROOM, UPLOAD } from './plan.ts';
import type { ProcessId } from './processes.ts';
import { type Program, startProgram } from './program.ts';
import { API_SOCKET } from './server-part.ts';

const MAIN = fileURLToPath(new URL('../../central/main.ts', import.meta.url));
const STOP_MS = 5_000;

export interface CentralPartOptions {
  rigDir: string;
  stateFolder: string;
  machine: () => Promise<Machine>;
  hosts: readonly string[];
  people: readonly { jid: string; role: string }[];
  started: (name: string, process: ProcessId) => void;
  say: (line: string) => void;
}

/** The secret of central's component, made once. */
export async function centralSecret(stateFolder: string): Promise<string> {
  const file = secretFile(stateFolder);
  await mkdir(stateFolder, { recursive: true, mode: 0o700 });
  const known = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  if (known !== undefined) return JSON.parse(known).secret;
  const secret = randomBytes(24).toString('base64url');
  await writeFile(file, `${JSON.stringify({ jid: CENTRAL, secret })}\n`, { mode: 0o600 });
  return secret;
}

const secretFile = (stateFolder: string): string => join(stateFolder, 'secret.json');

/** Keep the central agent running, inside the server. */
export function keepCentral(options: CentralPartOptions): Kept<Program> {
  const { rigDir, stateFolder, say, started } = options;
  return keep({
    name: 'central',
    async start() {
      const config = join(stateFolder, 'central.yaml');
      await writeFile(config, stringify(centralConfig(options)), { mode: 0o600 });
      const program = await startProgram({
        rigDir,
        name: 'central',
        argv: [process.execPath, MAIN, '--config', config],
        machine: await options.machine(),
        logFile: join(stateFolder, 'central.log'),
      });
      started('central', program.process);
      return program;
    },
    end: (program) => program.stop(STOP_MS),
    say,
  });
}

const centralConfig = ({ stateFolder, hosts, people }: CentralPartOptions): object => ({
  jid: CENTRAL,
  secret: secretFile(stateFolder),
  service: { host: COMPONENT.ip, port: COMPONENT.port },
  ejabberd: { socket: API_SOCKET },
  state: join(stateFolder, 'state'),
  hosts: [...hosts],
  policy: { grants: people.map(({ jid, role }) => ({ jid, role })) },
  rosters: people.map(({ jid }) => jid),
  room: ROOM,
  events: PUBSUB,
  upload: { service: UPLOAD },
});
