import { paused, systemClock } from '#shared/clock.ts';
import { Failure } from '#shared/errors.ts';
import type { Ingress } from '#shared/model/network.ts';
import { backendOf, serverOf, serverWords } from './haproxy.ts';
import { askHaproxy } from './haproxy-socket.ts';

type Ask = (command: string) => Promise<string>;

const AGAIN_MS = 50;
const TRIES = 40;

/** A server of a backend, as `show servers state` lists it. */
export interface ServerRow {
  backend: string;
  server: string;
}

/**
 * Read `show servers state`: a version, a line of column names, a row a server.
 *
 * @throws Failure host-output
 */
export function parseServers(stdout: string): ServerRow[] {
  const [version, head = '', ...rows] = stdout.split('\n');
  if (version !== '1' || !head.startsWith('# be_id be_name srv_id srv_name '))
    throw new Failure('host-output', { problem: `haproxy listed servers as ${stdout.slice(0, 200)}` });
  return rows
    .map((row) => row.split(' '))
    .filter(({ length }) => length > 4)
    .map(([, backend = '', , server = '']) => ({ backend, server }));
}

/** Have haproxy know these servers and no others, as it runs; the file says the same already, for its next start. */
export async function keepServers(folder: string, ingress: readonly Ingress[], signal: AbortSignal): Promise<void> {
  const ask: Ask = (command) => askHaproxy(folder, command, signal);
  const now = parseServers(await ask('show servers state'));
  const wanted = ingress.flatMap((each) =>
    each.servers.map((server) => ({ backend: backendOf(each), server: serverOf(server), words: serverWords(server) })),
  );
  const isIn = (rows: readonly ServerRow[], row: ServerRow): boolean =>
    rows.some(({ backend, server }) => backend === row.backend && server === row.server);
  for (const row of wanted) if (!isIn(now, row)) await addServer(ask, row);
  for (const row of now) if (!isIn(wanted, row)) await deleteServer(ask, row, signal);
}

async function addServer(ask: Ask, { backend, server, words }: ServerRow & { words: string }): Promise<void> {
  const at = `${backend}/${server}`;
  const said = await ask(`add server ${at} ${words}; enable server ${at}; enable health ${at}`);
  if (said !== 'New server registered.') throw new Failure('host-command', { problem: `haproxy: ${said}` });
}

/** Its connections are ended; haproxy deletes it when the last of them is gone. */
async function deleteServer(ask: Ask, { backend, server }: ServerRow, signal: AbortSignal): Promise<void> {
  const at = `${backend}/${server}`;
  for (let tries = 1; ; tries += 1) {
    const said = await ask(`set server ${at} state maint; shutdown sessions server ${at}; del server ${at}`);
    if (/^Server deleted\.$/m.test(said)) return;
    if (tries === TRIES) throw new Failure('host-command', { problem: `haproxy does not let ${at} go: ${said}` });
    await paused(systemClock, AGAIN_MS, signal);
    signal.throwIfAborted();
  }
}
