import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { run } from '#agent/exec/run.ts';
import { type Process, processesHere, tell } from '#agent/services/processes.ts';
import { keepUp } from '#agent/services/services.ts';
import { endLeft } from '#agent/volumes/volumes.ts';
import { Failure } from '#shared/errors.ts';

describe('exports of a host whose configuration names no volumes any more', () => {
  let state = '';
  beforeEach(async () => {
    state = await mkdtemp(join(tmpdir(), 'skerry-left-'));
  });
  afterEach(async () => {
    for (const each of await running()) await tell(each, 'SIGKILL');
    await rm(state, { recursive: true, force: true });
  });
  const running = async (): Promise<Process[]> =>
    (await processesHere()).filter(({ argv }) => argv.some((word) => word.includes(state)));

  it('are ended with what keeps them up, and nothing is left of them', async () => {
    const folder = join(state, 'exports');
    await mkdir(folder);
    // As a server is started, in the place of one.
    const server = join(state, 'qemu-nbd');
    // It waits for a writer of its pipe, and starts nothing: what a shell forks is called as the shell is, until it is another program.
    await execa('mkfifo', [join(state, 'pipe')]);
    await writeFile(server, `#!/bin/sh\nread never < ${join(state, 'pipe')}\n`, { mode: 0o755 });
    await keepUp(
      {
        ...{ run, folder, seenAt: folder, upMsMax: 10_000, enter: [], processes: processesHere },
        failure: (problem) => new Failure('host-command', { problem }),
      },
      {
        ...{ name: 'nbd-a.raw', program: 'sh', mark: server, script: [`exec ${server}`] },
        ...{ isCurrent: () => true, isReady: () => true },
      },
      AbortSignal.timeout(20_000),
    );
    assert.equal((await running()).length, 2, 'a supervisor, and what it keeps up');
    const told: object[] = [];
    await endLeft({ state }, { run, log: { warn: (fields: object) => void told.push(fields) } });
    assert.deepEqual([await running(), told], [[], [{ volumes: ['a.raw'] }]]);
    assert.deepEqual(await readdir(folder), ['supervise']);
    await endLeft(
      { state: join(state, 'none') },
      { run, log: { warn: () => assert.fail('there is nothing to tell') } },
    );
  });
});
