import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { areGone, childrenOf, isAlive, processesOf, processId, RIG_MARK, signal } from '#provisioning/rig/processes.ts';
import { sweep } from '#provisioning/rig/sweep.ts';

describe('processes', () => {
  const sleeper = async (env: NodeJS.ProcessEnv = process.env) => {
    const child = spawn('sleep', ['60'], { env, stdio: 'ignore' });
    await once(child, 'spawn');
    const id = processId(child.pid ?? 0);
    assert.ok(id);
    return { child, id };
  };

  it('knows a child, and that it has gone', async () => {
    const { child, id } = await sleeper();
    assert.ok(childrenOf(process.pid).includes(id.pid));
    assert.ok(isAlive(id));
    const closed = once(child, 'close');
    signal(id, 'SIGKILL');
    await closed;
    assert.ok(!isAlive(id));
    assert.ok(await areGone([id], 0));
    // The number may be somebody else's by now: nothing may be sent to it.
    signal(id, 'SIGKILL');
  });

  it('does not take another process of the same number for it', async () => {
    const own = processId(process.pid);
    assert.ok(own);
    assert.ok(!isAlive({ ...own, startTicks: own.startTicks - 1 }));
  });

  it('sweeps what has the mark of one rig, and nothing else', async () => {
    const mine = await sleeper({ ...process.env, [RIG_MARK]: '/tmp/of this test' });
    const other = await sleeper({ ...process.env, [RIG_MARK]: '/tmp/of this test too' });
    try {
      assert.deepEqual(processesOf('/tmp/of this test'), [mine.id]);
      assert.equal(await sweep('/tmp/of this test'), 1);
      assert.ok(!isAlive(mine.id));
      assert.ok(isAlive(other.id));
    } finally {
      other.child.kill('SIGKILL');
    }
  });
});
