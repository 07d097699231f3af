import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Lane } from './lanes.ts';

/** What test/support/reporter.cjs leaves. */
export interface LaneCounts {
  passes: number;
  failures: number;
  pending: number;
  /** The time of each file of tests, in ms. */
  files: Record<string, number>;
  /** What failed, each with the first line of why. */
  failed: { file: string; title: string; message: string }[];
}

export interface LaneEnd {
  lane: Lane;
  exitCode: number;
  /** Undefined where the lane died before its end. */
  counts: LaneCounts | undefined;
}

/**
 * Run a lane in a mocha of its own, which ends when this process does.
 *
 * @param say what it prints, as it comes
 */
export async function runLane(
  lane: Lane,
  { root, folder, colour, say }: { root: string; folder: string; colour: boolean; say: (text: string) => void },
): Promise<LaneEnd> {
  const report = join(folder, `${lane.name}.json`);
  const reporter = [join(root, 'test/support/reporter.cjs'), '--reporter-option', `report=${report}`];
  const mocha = [join(root, 'node_modules/.bin/mocha'), ...(colour ? ['--color'] : []), '--reporter', ...reporter];
  const argv = ['--pdeathsig', 'TERM', ...mocha, ...lane.files];
  const child = spawn('setpriv', argv, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', say);
  const [code] = (await once(child, 'close')) as [number | null];
  const counts = await readFile(report, 'utf8').then(
    (text) => JSON.parse(text) as LaneCounts,
    () => undefined,
  );
  return { lane, exitCode: code ?? 1, counts };
}
