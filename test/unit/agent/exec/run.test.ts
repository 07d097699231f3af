import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { type Command, run } from '#agent/exec/run.ts';
import { runToEnd } from '#agent/exec/run-to-end.ts';
import { lines, startSession } from '#agent/exec/session.ts';
import { Failure, type FailureCode } from '#shared/errors.ts';

const never = () => new AbortController().signal;
const sh = (script: string, more: Partial<Command> = {}): Command => ({
  file: 'sh',
  args: ['-c', script],
  timeoutMs: 20_000,
  ...more,
});
const failed = (code: FailureCode, pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof Failure, String(error));
  assert.equal(error.code, code);
  assert.match(error.message, pattern);
  return true;
};
const isGone = (pid: number) => {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
};

describe('agent/exec: commands', () => {
  it('runs a program with its words as they are', async () => {
    const words = ['a b', '$HOME', '"', "'; exit 7", '*'];
    const out = await run({ file: 'printf', args: ['%s|', ...words], timeoutMs: 20_000 }, never());
    assert.equal(out, words.map((word) => `${word}|`).join(''));
  });

  it('gives input, folder and environment, and speaks English', async () => {
    assert.equal(await run({ ...sh('cat'), input: 'über\n' }, never()), 'über');
    assert.equal(await run(sh('read x || echo none'), never()), 'none');
    assert.equal(await run(sh('pwd; echo $LC_ALL $A', { cwd: '/', env: { A: 'b' } }), never()), '/\nC b');
  });

  it('says what a program said that failed', async () => {
    await assert.rejects(run(sh('echo no such thing >&2; exit 3'), never()), (error) => {
      assert.equal((error as Failure).details.exitCode, 3);
      return failed('host-command', /no such thing/)(error);
    });
    await assert.rejects(run(sh('exit 4'), never()), failed('host-command', /exit code 4/));
    await assert.rejects(
      run({ file: 'no-such-program', args: [], timeoutMs: 20_000 }, never()),
      failed('host-command', /no program no-such-program/),
    );
  });

  it('waits no longer than the limit for a service that a program has started, and that holds its ways out', async function () {
    this.timeout(60_000);
    const service = sh("setsid sleep 60 & printf '%s\\n' $!; exit 3", { timeoutMs: 2_000 });
    const ended = await runToEnd(service, { bytesMax: 100 }, never());
    const pid = /^(\d+)\n$/.exec(Buffer.from(ended.stdout).toString())?.[1];
    assert.ok(pid);
    process.kill(Number(pid));
    assert.deepEqual([ended.exitCode, ended.isLate], [3, true]);
    const held = sh('setsid sleep 8 & exit 0', { timeoutMs: 200 });
    await assert.rejects(run(held, never()), failed('host-timeout', /0\.2 s/));
    await assert.rejects(run({ ...held, timeoutMs: 20_000 }, AbortSignal.timeout(200)), { name: 'TimeoutError' });
  });

  it('stops a program that takes too long, says too much, or is called off', async () => {
    await assert.rejects(
      run(sh('exec sleep 60', { timeoutMs: 50 }), never()),
      failed('host-timeout', /0\.05 s: sh -c/),
    );
    await assert.rejects(
      run(sh('exec yes', { outputBytesMax: 1_000 }), never()),
      failed('host-command', /more than 1000/),
    );
    const off = new AbortController();
    const running = run(sh('exec sleep 60'), off.signal);
    off.abort(new Error('called off'));
    await assert.rejects(running, /called off/);
    await assert.rejects(run(sh('exit 0'), off.signal), /called off/);
  });
});

describe('agent/exec: sessions', () => {
  it('talks with a program that stays, and ends it', async () => {
    const heard = Promise.withResolvers<string>();
    const session = startSession({ file: 'cat', args: [], onOut: (chunk) => heard.resolve(chunk), onError: () => {} });
    session.write('hello\n');
    assert.equal(await heard.promise, 'hello\n');
    await session.kill();
    assert.ok(isGone(session.pid ?? 0));
    session.write('dropped\n');
  });

  it('ends also a program that does not want to', async () => {
    const ready = Promise.withResolvers<void>();
    const script = 'trap "" TERM; echo ready; while :; do sleep 0.05; done';
    const session = startSession({ file: 'sh', args: ['-c', script], onOut: () => ready.resolve(), onError: () => {} });
    await ready.promise;
    await session.kill();
    assert.ok(isGone(session.pid ?? 0));
  });

  it('says why a program ended', async () => {
    const ignore = { onOut: () => {}, onError: () => {} };
    const ended = await startSession({ file: 'sh', args: ['-c', 'exit 5'], ...ignore }).ended;
    assert.equal(ended.exitCode, 5);
    const missing = startSession({ file: 'no-such-program', args: [], ...ignore });
    assert.match((await missing.ended).problem, /no program no-such-program/);
  });

  it('hands on whole lines', () => {
    const seen: string[] = [];
    const take = lines((line) => seen.push(line));
    for (const chunk of ['a', 'b\nc', '\n\nd', 'e']) take(chunk);
    assert.deepEqual(seen, ['ab', 'c', '']);
  });
});
