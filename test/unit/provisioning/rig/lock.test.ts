import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { lockRig } from '#provisioning/rig/lock.ts';

const LOCK = fileURLToPath(import.meta.resolve('#provisioning/rig/lock.ts'));

describe('lockRig', () => {
  it('is held by one at a time, and per folder', async () => {
    const unlock = await lockRig('/tmp/lock a');
    assert.ok(unlock);
    assert.equal(await lockRig('/tmp/lock a'), undefined);
    const other = await lockRig('/tmp/lock b');
    assert.ok(other);
    unlock();
    const again = await lockRig('/tmp/lock a');
    assert.ok(again);
    again();
    other();
  });

  it('goes with a process that is killed', async () => {
    const code = `const { lockRig } = await import(${JSON.stringify(LOCK)});
      if (await lockRig('/tmp/lock c')) console.log('held'); setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    assert.equal(await lockRig('/tmp/lock c'), undefined);
    child.kill('SIGKILL');
    await once(child, 'close');
    const mine = await lockRig('/tmp/lock c');
    assert.ok(mine);
    mine();
  });
});
