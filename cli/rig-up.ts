import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join, relative } from 'node:path';
import { layoutOf } from '#provisioning/rig/layout.ts';
import { HOSTS } from '#provisioning/rig/plan.ts';
import { withCloud } from '#provisioning/rig/plan-cloud.ts';
import { RIG_MARK } from '#provisioning/rig/processes.ts';
import type { RigFile } from '#provisioning/rig/rig-file.ts';
import { bringUp } from '#provisioning/rig/up.ts';
import { SKERRY } from '#shared/called.ts';
import { Failure, messageOf } from '#shared/errors.ts';
import { bringGridUp } from './rig-chain.ts';
import { layCloud } from './rig-cloud.ts';
import { layGrid } from './rig-networks.ts';
import { optionsOf, ROOT, rigFolder } from './rig-options.ts';
import { siteText } from './rig-text.ts';

export const UP_USAGE = `${SKERRY} up [--detach] [--idle] [--cloud] [--dir FOLDER] [--hypervisor URI]`;

/**
 * `up`: bring the rig up and keep it, in the foreground until Ctrl-C, or detached.
 * @returns exit code
 */
export async function up(argv: string[]): Promise<number> {
  const options = optionsOf(
    argv,
    {
      dir: { type: 'string' },
      detach: { type: 'boolean' },
      idle: { type: 'boolean' },
      cloud: { type: 'boolean' },
      hypervisor: { type: 'string' },
    },
    UP_USAGE,
  );
  const dir = rigFolder(options.dir);
  if (options.cloud && options.hypervisor !== undefined)
    throw new Failure('bad-argument', { field: '--cloud', problem: 'another hypervisor has guests of its own' });
  // Another hypervisor has other guests than those of the chain.
  const isIdle = options.idle === true || options.hypervisor !== undefined;
  const rest = [
    ...(options.cloud ? ['--cloud'] : []),
    ...(options.hypervisor === undefined ? [] : ['--hypervisor', options.hypervisor]),
    ...(options.idle ? ['--idle'] : []),
  ];
  return options.detach
    ? detach(dir, rest)
    : holdUp({ dir, hypervisorUri: options.hypervisor, isIdle, hasCloud: options.cloud === true });
}

/** Told to whoever started a detached rig. */
type Word = { line: string } | { ready: true } | { failed: string };

interface Wanted {
  dir: string;
  hypervisorUri: string | undefined;
  /** The guests stay off. */
  isIdle: boolean;
  /** The second example is laid out too. */
  hasCloud: boolean;
}

async function holdUp({ dir, hypervisorUri, isIdle, hasCloud }: Wanted): Promise<number> {
  const startedMs = performance.now();
  const tell = (word: Word) => process.connected && process.send?.(word, undefined, undefined, () => {});
  const say = (line: string) => {
    console.log(`${new Date().toTimeString().slice(0, 8)}  ${line}`);
    tell({ line });
  };
  // The one that started it may leave, or wait for this one to end: neither may keep it alive.
  process.channel?.unref();
  const interrupted = interruption();
  try {
    const site = await bringUp({
      ...{ dir, hypervisorUri, say, signal: interrupted.signal },
      hosts: hasCloud ? withCloud(HOSTS) : HOSTS,
      // Another hypervisor has networks of its own.
      ...(hypervisorUri === undefined ? { finish: ({ rig }) => layOut(rig, hasCloud, say) } : {}),
    });
    const text = siteText(site.rig, {
      dir: relative(process.cwd(), dir) || '.',
      seconds: (performance.now() - startedMs) / 1_000,
      accelerator: site.accelerator,
      guests: site.guests,
    });
    console.log(text);
    tell({ line: text });
    if (!isIdle) await Promise.race([gridUp(site.rig, say), interrupted.first]);
    tell({ ready: true });
    await interrupted.first;
    say('Going down: guests are asked to shut down. Ctrl-C again does not wait for them.');
    await Promise.race([site.stop(), interrupted.second]);
    say('The rig is down.');
    return exit(0);
  } catch (error) {
    if (!interrupted.signal.aborted) console.error(error instanceof Failure ? error.message : error);
    await new Promise((resolve) =>
      process.send ? process.send({ failed: messageOf(error) }, resolve) : resolve(null),
    );
    return exit(interrupted.signal.aborted ? 130 : 1);
  }
}

/** Also where parts are still coming up, or going down: whatever is left of them dies with this process. */
const exit = (code: number): never => process.exit(code);

async function layOut(rig: RigFile, hasCloud: boolean, say: (line: string) => void): Promise<void> {
  await layGrid(rig, say);
  if (hasCloud) await layCloud(rig, say);
}

/** The rig is up also where its guests do not come up. */
const gridUp = (rig: RigFile, say: (line: string) => void): Promise<void> =>
  bringGridUp(rig, say).catch((error) => say(`${messageOf(error)} The rest is up; see ${SKERRY} chain status grid.`));

interface Interruption {
  signal: AbortSignal;
  first: Promise<void>;
  second: Promise<void>;
}

/** Ctrl-C, `down`, or the terminal going away. */
function interruption(): Interruption {
  const controller = new AbortController();
  const first = Promise.withResolvers<void>();
  const second = Promise.withResolvers<void>();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) second.resolve();
      controller.abort(new Failure('setup-needed', { problem: 'The rig was called off while it was coming up' }));
      first.resolve();
    });
  }
  return { signal: controller.signal, first: first.promise, second: second.promise };
}

/** Start the same command in a session of its own, pass on what it says until it is ready, and leave it. */
async function detach(dir: string, rest: readonly string[]): Promise<number> {
  const log = openSync(layoutOf(dir).log, 'a', 0o600);
  const child = spawn(process.execPath, [join(ROOT, 'cli/main.ts'), 'up', '--dir', dir, ...rest], {
    detached: true,
    stdio: ['ignore', log, log, 'ipc'],
    env: { ...process.env, [RIG_MARK]: dir },
  });
  closeSync(log);
  const ended = Promise.withResolvers<string>();
  const ready = Promise.withResolvers<true>();
  let failed: string | undefined;
  child.on('message', (word: Word) => {
    if ('line' in word) console.log(word.line);
    else if ('ready' in word) ready.resolve(true);
    else failed = word.failed;
  });
  once(child, 'close').then(([code]) => ended.resolve(failed ?? `it ended with ${code}; see ${layoutOf(dir).log}`));
  const outcome = await Promise.race([ready.promise, ended.promise]);
  if (outcome !== true) throw new Failure('setup-needed', { problem: outcome });
  child.disconnect();
  child.unref();
  return 0;
}
