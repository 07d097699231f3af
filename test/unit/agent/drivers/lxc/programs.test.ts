import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import type { Ground } from '#agent/drivers/lxc/ground.ts';
import { runProgram } from '#agent/drivers/lxc/programs.ts';
import type { ProcessEnd } from '#agent/exec/run-to-end.ts';
import { Failure } from '#shared/errors.ts';

let folder: string;

/** A zone that runs, as far as programs in it ask, where lxc-attach ends so. */
const attached = (exitCode: number, stderr: string): Ground => {
  const end: ProcessEnd = {
    ...{ exitCode, cut: false, isLate: false, stderrEnd: stderr },
    ...{ stdout: new Uint8Array(), stderr: Buffer.from(stderr) },
  };
  return {
    ...{ folder, host: 'here', runToEnd: async () => end },
    run: async () => 'State: RUNNING\nPID: 7\n',
  } as unknown as Ground;
};
const run = (ground: Ground) =>
  runProgram(
    { ...ground, zones: { nameOf: async () => 'web' } as unknown as Ground['zones'] },
    'id',
    { command: ['x'], limitMs: 1_000, bytesMax: 1_000 },
    AbortSignal.timeout(10_000),
  );

describe('agent/drivers/lxc: a program in a zone', () => {
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'skerry-lxc-unit-'));
    await mkdir(join(folder, 'web'));
    await writeFile(join(folder, 'web/config'), 'lxc.uts.name = web\n');
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('that did its work did so, whatever it wrote', async () => {
    assert.equal((await run(attached(0, 'lxc-attach: web: of a zone in this one\n'))).exitCode, 0);
  });

  it('that LXC could not run has not run', async () => {
    await assert.rejects(
      run(attached(1, 'lxc-attach: web: attach.c: lxc_attach: 1 Failed to get init pid\n')),
      (error) => error instanceof Failure && error.code === 'host-command',
    );
  });
});
