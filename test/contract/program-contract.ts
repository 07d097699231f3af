import assert from 'node:assert/strict';
import { after, before, describe, it } from 'mocha';
import type { DriverGuest, Program } from '#agent/drivers/driver.ts';
import { failure, removeGuest, type Scene } from './scene.ts';

/** Programs are run inside a guest by their words, and how they ended is told. */
export function programContract(stage: Scene): void {
  it('runs programs where its guests can, and else leaves it out', () => {
    assert.equal(stage.driver.runProgram !== undefined, stage.harness.runsPrograms);
  });

  describe('programs in a guest that runs', () => {
    let guest: DriverGuest | undefined;
    const run = async (command: string[], more: Partial<Program> = {}, signal = stage.signal()) => {
      const program = { command, limitMs: 20_000, bytesMax: 65_536, ...more };
      const { stdout, stderr, ...rest } = await stage.driver.runProgram!(guest?.id ?? '', program, signal);
      return { ...rest, stdout: Buffer.from(stdout).toString(), stderr: Buffer.from(stderr).toString() };
    };

    before(async function () {
      if (!stage.driver.runProgram) return this.skip();
      this.timeout(stage.harness.bootMsMax + 60_000);
      const { driver, harness } = stage;
      const text = harness.definition({ name: stage.freshName('programs') });
      guest = await driver.defineGuest(text, { replace: false }, stage.signal());
      await driver.startGuest(guest.id, { paused: false }, stage.signal());
      await stage.hasBooted(guest.id);
    });
    after(async () => {
      if (guest) await removeGuest(stage.driver, guest.id);
    });

    it('hands words over as they are, and no shell reads them', async () => {
      const words = ['two  blanks; echo no', '$HOME', '`id`', '*', "it's", '"quoted"', 'zwölf'];
      const ended = await run(['echo', ...words]);
      assert.deepEqual(ended, { exitCode: 0, stdout: `${words.join(' ')}\n`, stderr: '', cut: false });
    });

    it('tells the exit code, and what was written on each way out', async () => {
      assert.equal((await run(['false'])).exitCode, 1);
      const { exitCode, stdout, stderr } = await run(['ls', '/no-such-file']);
      assert.equal(stdout, '');
      assert.match(stderr, /no-such-file/);
      assert.ok(exitCode !== undefined && exitCode > 0);
    });

    it('says so of a program that is not there', async () => {
      await assert.rejects(run(['skerry-no-such-program', 'x']), failure('program-failed'));
    });

    it('keeps the beginning of what is too much, and lets the program end', async () => {
      const ended = await run(['seq', '20000'], { bytesMax: 1_000 });
      assert.equal(ended.stdout.length, 1_000);
      assert.ok(ended.stdout.startsWith('1\n2\n3\n'));
      assert.equal(ended.cut, true);
      assert.equal(ended.exitCode, 0);
    });

    it('does not wait longer than the limit, and the guest is there for the next', async () => {
      await assert.rejects(run(['sleep', '600'], { limitMs: 1_000 }), failure('program-late'));
      assert.equal((await run(['echo', 'next'])).stdout, 'next\n');
    });

    it('does not wait longer than the signal lets it', async () => {
      const called = new AbortController();
      const why = new Error('called off');
      const running = run(['sleep', '600'], {}, called.signal);
      setTimeout(() => called.abort(why), 200);
      await assert.rejects(running, (error) => error === why);
      assert.equal((await run(['echo', 'next'])).stdout, 'next\n');
    });

    it('runs several at once', async () => {
      const ended = await Promise.all([1, 2, 3].map((n) => run(['echo', String(n)])));
      assert.deepEqual(
        ended.map(({ stdout }) => stdout),
        ['1\n', '2\n', '3\n'],
      );
    });
  });

  it('runs no program in a guest that is off, or that is not there', async function () {
    const { driver } = stage;
    if (!driver.runProgram) return this.skip();
    const guest = await stage.define();
    const program = { command: ['true'], limitMs: 1_000, bytesMax: 1_000 };
    await assert.rejects(driver.runProgram(guest.id, program, stage.signal()), failure('guest-wrong-state'));
    const nobody = '00000000-0000-4000-8000-000000000000';
    await assert.rejects(driver.runProgram(nobody, program, stage.signal()), failure('guest-not-found'));
  });
}
