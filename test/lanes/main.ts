/**
 * All tests, or the files that are named, in lanes that run beside each other.
 *
 *     node test/lanes/main.ts [FILE OF TESTS …]
 *
 * The last line is `N passed, N failed, N skipped`; it exits with 0 when all is well.
 */
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { lanesOf } from './lanes.ts';
import { runLane } from './run.ts';
import { inTurn, summary } from './telling.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const ALL = 'test/**/*.test.ts';

const named = process.argv.slice(2).map((path) => relative(ROOT, resolve(path)));
const files = globSync(named.length > 0 ? named : ALL, { cwd: ROOT }).sort();
if (files.length === 0) {
  process.stderr.write(`no file of tests is called ${named.join(' ')}\n`);
  process.exit(2);
}

const lanes = lanesOf(files, (path) =>
  existsSync(join(ROOT, path)) ? { path, text: readFileSync(join(ROOT, path), 'utf8') } : undefined,
);
const folder = mkdtempSync(join(tmpdir(), 'skerry-lanes-'));
const turn = inTurn(
  lanes.map(({ name }) => name),
  (text) => void process.stdout.write(text),
);
const since = Date.now();
const ends = await Promise.all(
  lanes.map(async (lane) => {
    const say = (text: string): void => turn.say(lane.name, text);
    const end = await runLane(lane, { root: ROOT, folder, colour: process.stdout.isTTY, say });
    turn.end(lane.name);
    return end;
  }),
);
rmSync(folder, { recursive: true, force: true });
process.stdout.write(`${summary(ends, Date.now() - since)}\n`);
process.exitCode = ends.every(({ exitCode, counts }) => exitCode === 0 && counts?.failures === 0) ? 0 : 1;
