import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { type TestProgram, testProgram } from './program.ts';
import type { TestServer } from './server.ts';
import { until } from './until.ts';

const MAIN = fileURLToPath(new URL('../../../central/main.ts', import.meta.url));

/** A component that a test server knows, for a central on it. */
export const CENTRAL = 'central.skerry.test';
export const CENTRAL_SECRET = 'the-secret-of-central';

/** Central as a process of its own. */
export interface TestCentral extends TestProgram {
  readonly folder: string;
  readonly configFile: string;
  /** Its folder for what it keeps. */
  readonly state: string;
  /** End it, whatever it does, and remove its folder. */
  remove(): Promise<void>;
}

/** @param options.command what stands before `node`: a program that becomes it in the end */
export async function testCentral(
  server: Pick<TestServer, 'componentPort'>,
  options: { config: object; command?: (folder: string) => readonly string[] },
): Promise<TestCentral> {
  const folder = await mkdtemp(join(tmpdir(), 'skerry-central-'));
  const state = join(folder, 'state');
  const configFile = join(folder, 'central.yaml');
  await mkdir(state, { mode: 0o700 });
  const secret = JSON.stringify({ jid: CENTRAL, secret: CENTRAL_SECRET });
  await writeFile(join(folder, 'component.json'), secret, { mode: 0o600 });
  const config = {
    jid: CENTRAL,
    secret: 'component.json',
    service: { host: '127.0.0.1', port: server.componentPort },
    state: 'state',
    ...options.config,
  };
  await writeFile(configFile, stringify(config));
  const argv = [...(options.command?.(folder) ?? []), process.execPath, MAIN, '--config', configFile];
  const program = testProgram('central', argv);
  const remove = async (): Promise<void> => {
    await program.kill9();
    await rm(folder, { recursive: true, force: true });
  };
  return Object.assign(program, { folder, configFile, state, remove });
}

/** Wait until central hears every host. @param list what `host list` answers */
export async function allAreHeard(list: () => Promise<unknown>): Promise<void> {
  await until('all hosts are heard', async () => {
    const hosts = (await list()) as { state: string }[];
    return hosts.every(({ state }) => state === 'up') || undefined;
  });
}
