import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { MAIN, type TestRig, testRig, until } from './support/rig.ts';

const json = (text: string): Record<string, unknown>[] => JSON.parse(text);

describe('the skerry command, on a real site', function () {
  this.timeout(180_000);
  let rig: TestRig;
  before(async () => {
    rig = await testRig();
    await rig.ensureOff('host1', 'venti');
    await rig.ensureOff('host1', 'fossil');
  });

  const state = async (guest: string): Promise<string> => (await rig.virsh('host1', ['domstate', guest])).trim();

  it('lists the guests of all hosts in one table, and for programs', async () => {
    const { exitCode, stdout } = await rig.skerry(['guest', 'list']);
    assert.equal(exitCode, 0);
    const [head = '', ...rows] = stdout.split('\n');
    assert.match(head, /^Name\s+State\s+Host\s/);
    assert.deepEqual(rows.map((row) => row.split(/\s+/)[0]).sort(), [
      'annex',
      'cpu1',
      'cpu2',
      'fossil',
      'hall',
      'venti',
    ]);
    const guests = json((await rig.skerry(['guest', 'list', '--json', '--host', 'host2'])).stdout);
    assert.deepEqual(guests.map(({ name, host }) => [name, host]).sort(), [
      ['annex', 'host2'],
      ['cpu1', 'host2'],
      ['cpu2', 'host2'],
    ]);
  });

  it('starts a guest on whichever host has it, and libvirt has it running', async () => {
    const { exitCode, stdout } = await rig.skerry(['start', 'venti']);
    assert.equal(exitCode, 0);
    assert.match(stdout, /^venti · running/);
    assert.equal(await state('venti'), 'running');
  });

  it('says what went wrong, in words and in its exit code', async () => {
    await rig.ensureRunning('host1', 'venti');
    const wrong: [string[], number, RegExp][] = [
      [['start', 'venti'], 1, /The guest venti is running; guest.start needs it shutoff/],
      [['start', 'vneti'], 1, /no guest vneti on any host. Did you mean venti\?/],
      [['guest', 'strat', 'venti'], 2, /Did you mean start/],
      [['guest', 'list', 'state=dancing'], 2, /state: /],
      [['guest', 'list', '--host', 'hots1'], 2, /Did you mean host1/],
      [['guest', 'list', '--jsno'], 2, /no such option.*Did you mean --json/],
      [['guest', 'define', 'web1'], 2, /host: is missing/],
      [['guest', 'poweroff', 'venti'], 2, /^guest poweroff venti may lose work or data: say --yes to go on\.$/],
      [
        ['guest', 'poweroff', 'venti', '--direct'],
        2,
        /^guest poweroff venti may lose work or data: say --yes to go on\.$/,
      ],
      [['guest', 'poweroff', 'vneti'], 1, /no guest vneti on any host. Did you mean venti\?/],
      [
        ['fleet', 'run', 'guest.poweroff', 'name:venti'],
        2,
        /^guest poweroff on 1 guest \(venti\) may lose work or data: say/,
      ],
      [['fleet', 'run', 'guest.poweroff', 'nmae:venti'], 2, /Did you mean name/],
      [['host', 'forget', 'host2'], 2, /^host forget host2 with its 3 guests may lose work or data: say/],
      [['guest', 'start', 'fossil', '--as', 'viewer'], 4, /viewer@skerry.test may not guest.start/],
      [['job', 'info', 'zzz'], 1, /no job zzz/],
      [['guest', 'list', '--config', '/nowhere.yaml'], 2, /nowhere.yaml/],
    ];
    for (const [words, code, text] of wrong) {
      const { exitCode, stdout, stderr } = await rig.skerry(words);
      assert.match(stderr, text, words.join(' '));
      assert.equal(exitCode, code, words.join(' '));
      assert.equal(stdout, '', words.join(' '));
    }
    const { stderr } = await rig.skerry(['start', 'vneti', '--json']);
    assert.equal((JSON.parse(stderr) as { failure: string }).failure, 'guest-not-found');
    assert.equal(await state('fossil'), 'shut off');
  });

  it('says which host does not answer, and gives what the others say', async () => {
    const release = rig.holdAgent('host2');
    try {
      const [listed, alone] = await Promise.all([
        rig.skerry(['guest', 'list', '--json', '--direct']),
        rig.skerry(['guest', 'list', '--host', 'host1']),
      ]);
      assert.equal(alone.exitCode, 0);
      assert.equal(listed.exitCode, 3);
      assert.deepEqual(
        json(listed.stdout)
          .map(({ name }) => name)
          .sort(),
        ['fossil', 'hall', 'venti'],
      );
      assert.deepEqual((JSON.parse(listed.stderr) as { host: string }).host, 'host2');
    } finally {
      release();
    }
  });

  it('carries out once what is asked for twice with one operation id', async () => {
    await rig.ensureRunning('host1', 'venti');
    const ask = () => rig.skerry(['guest', 'reboot', 'venti', '--operation', 'cli-once', '--json']);
    const [first, second] = [await ask(), await ask()];
    assert.equal(first.exitCode, 0, first.stderr);
    assert.deepEqual([second.exitCode, second.stdout], [0, first.stdout]);
    const other = await rig.skerry(['guest', 'reboot', 'fossil', '--operation', 'cli-once']);
    assert.match(other.stderr, /asked before with another verb, arguments or requester/);
  });

  it('shows a job until it ends', async () => {
    await rig.ensureRunning('host1', 'venti');
    const { exitCode, stdout, stderr } = await rig.skerry(['shutdown', 'venti', '--force-after=60']);
    assert.equal(exitCode, 0, stderr);
    assert.match(stdout, /^job \w+ · guest.shutdown venti · done/);
    assert.match(stderr, /running/);
    assert.equal(await state('venti'), 'shut off');
    const id = /^job (\w+)/.exec(stdout)?.[1] ?? '';
    const info = await rig.skerry(['job', 'info', id, '--json']);
    assert.equal((JSON.parse(info.stdout) as { state: string }).state, 'done');
  });

  it('leaves a job alone when its watching is ended', async () => {
    await rig.virsh('host1', ['start', 'fossil']);
    const child = spawn(process.execPath, [MAIN, '--dir', rig.dir, 'shutdown', 'fossil', 'waitS=600'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    const closed = once(child, 'close');
    await until('the job is begun', () => /job \w+/.test(said) || child.exitCode !== null);
    // A guest whose vCPUs stand still does not shut down: the job has something to wait for.
    await rig.virsh('host1', ['suspend', 'fossil']);
    child.kill('SIGINT');
    assert.deepEqual((await closed)[0], 130, said);
    const id = /^job (\w+)/m.exec(said)?.[1] ?? '';
    const job = async () => JSON.parse((await rig.skerry(['job', 'info', id, '--json'])).stdout);
    assert.equal((await job()).state, 'running');
    assert.equal((await rig.skerry(['job', 'cancel', id])).exitCode, 0);
    assert.equal((await job()).state, 'cancelled');
    assert.equal((await rig.skerry(['guest', 'poweroff', 'fossil', '--yes'])).exitCode, 0);
    assert.equal(await state('fossil'), 'shut off');
  });

  it('asks at a terminal before what may lose work, and does it after a yes alone', async () => {
    await rig.ensureRunning('host1', 'venti');
    const asked = async (answer: string): Promise<{ exit: unknown; shown: string }> => {
      const command = `'${process.execPath}' '${MAIN}' --dir '${rig.dir}' fleet run guest.poweroff name:venti`;
      const child = spawn('script', ['-qefc', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
      let shown = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        shown += text;
      });
      const closed = once(child, 'close');
      await until('it asks', () => shown.includes('[y/N]') || child.exitCode !== null);
      child.stdin.write(`${answer}\r`);
      return { exit: (await closed)[0], shown };
    };
    const no = await asked('n');
    assert.match(no.shown, /guest poweroff on 1 guest \(venti\) may lose work or data\. Go on\?/);
    assert.deepEqual([no.exit, await state('venti')], [2, 'running'], no.shown);
    const yes = await asked('y');
    assert.deepEqual([yes.exit, await state('venti')], [0, 'shut off'], yes.shown);
  });

  it('is a terminal on a guest’s console, through the death of its agent too', async () => {
    await rig.ensureRunning('host1', 'venti');
    // script(1) gives it a terminal of its own.
    const command = `'${process.execPath}' '${MAIN}' --dir '${rig.dir}' console venti`;
    const child = spawn('script', ['-qefc', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
    let shown = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      shown += text;
    });
    const closed = once(child, 'close');
    try {
      const sees = (text: string) => until(`the terminal shows ${text}`, () => shown.includes(text));
      await sees('venti is up');
      await sees('Ctrl-] leaves');
      child.stdin.write('echo sum=$((40+2)) "back\\\\slash"\r');
      await sees('sum=42 back\\slash');
      await rig.killAgent('host1');
      await until(
        'the next agent answers',
        async () => (await rig.skerry(['console', 'list', '--host', 'host1'])).exitCode === 0,
      );
      child.stdin.write('echo sum=$((50+3))\r');
      await sees('sum=53');
      assert.equal(shown.split('sum=42').length, 2, `what was shown is not shown again: ${shown}`);
      child.stdin.write('\u001d');
      assert.equal((await closed)[0], 0);
    } finally {
      child.kill('SIGKILL');
    }
  });
});
