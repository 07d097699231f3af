import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { ledgerIn } from '#agent/drivers/zones/ledger.ts';
import { shellWord, zloginArgs } from '#agent/drivers/zones/programs.ts';
import { placeFiles } from '#agent/drivers/zones/root-files.ts';
import { eventsBetween } from '#agent/drivers/zones/watch.ts';
import type { Zone } from '#agent/drivers/zones/zone-list.ts';
import { runToEnd } from '#agent/exec/run-to-end.ts';
import { undoable, undoStack } from '#agent/undo-stack.ts';
import { Failure } from '#shared/errors.ts';

const signal = () => AbortSignal.timeout(30_000);

describe('zones: words for a shell in a zone', () => {
  it('are read by a shell as they were', async () => {
    const word = fc
      .string({ unit: 'binary', maxLength: 20 })
      .filter((text) => !text.includes('\0') && text.isWellFormed());
    await fc.assert(
      fc.asyncProperty(fc.array(word, { minLength: 1, maxLength: 5 }), async (words) => {
        const [, line = ''] = zloginArgs('web1', ['printf', '%s\\0', ...words]);
        const { stdout } = await runToEnd(
          { file: 'sh', args: ['-c', line], timeoutMs: 10_000 },
          { bytesMax: 10_000 },
          signal(),
        );
        assert.equal(Buffer.from(stdout).toString(), words.map((each) => `${each}\0`).join(''));
      }),
      { numRuns: 60, examples: [[["it's", '$HOME', '`id`', '"', '\\', '\n', '']], [["'"]], [['-n', '*', '!!']]] },
    );
  });

  it('are one argument, which zlogin does not quote again', () => {
    assert.deepEqual(zloginArgs('web1', ['ls', 'a b']), ['web1', "'ls' 'a b'"]);
    assert.equal(shellWord("a'b"), "'a'\\''b'");
  });
});

describe('zones: files in a root', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'skerry-root-'));
    await mkdir(join(folder, 'root/etc'), { recursive: true });
    await writeFile(join(folder, 'outside'), 'untouched');
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('are written with their folders, and copied where there is something to copy', async () => {
    await writeFile(join(folder, 'resolv.conf'), 'nameserver 192.0.2.53\n');
    const root = join(folder, 'root');
    await placeFiles(root, [
      { path: '/etc/nodename', text: 'web1\n' },
      { path: '/etc/rc2.d/S83router', text: '#!/bin/sh\n', mode: 0o755 },
      { path: '/etc/resolv.conf', copies: join(folder, 'resolv.conf') },
      { path: '/etc/none', copies: join(folder, 'none') },
    ]);
    assert.equal(await readFile(join(root, 'etc/nodename'), 'utf8'), 'web1\n');
    assert.equal(await readFile(join(root, 'etc/rc2.d/S83router'), 'utf8'), '#!/bin/sh\n');
    assert.equal(await readFile(join(root, 'etc/resolv.conf'), 'utf8'), 'nameserver 192.0.2.53\n');
    await assert.rejects(readFile(join(root, 'etc/none')), { code: 'ENOENT' });
  });

  it('replace a link that stands there, and do not follow it', async () => {
    const root = join(folder, 'root');
    await symlink('../../outside', join(root, 'etc/nodename'));
    await placeFiles(root, [{ path: '/etc/nodename', text: 'web1\n' }]);
    assert.equal(await readFile(join(folder, 'outside'), 'utf8'), 'untouched');
    assert.equal(await readFile(join(root, 'etc/nodename'), 'utf8'), 'web1\n');
  });

  it('are not written where a folder leads out of the root', async () => {
    const root = join(folder, 'root');
    await symlink('../..', join(root, 'etc/inet'));
    for (const path of ['/etc/inet/outside', '/etc/inet/new/file'])
      await assert.rejects(
        placeFiles(root, [{ path, text: 'x' }]),
        (error) => error instanceof Failure && /leads out/.test(error.message),
      );
    assert.equal(await readFile(join(folder, 'outside'), 'utf8'), 'untouched');
  });
});

describe('zones: what happened between two looks', () => {
  const zone = (more: Partial<Zone> = {}): Zone => ({
    ...{ id: 'i', name: 'web1', state: 'installed', number: undefined, path: '/z', brand: 'x', ipType: 'exclusive' },
    ...more,
  });
  const look = (one?: Partial<Zone>, stamp = '1') => new Map(one ? [[one.id ?? 'i', { zone: zone(one), stamp }]] : []);
  const what = (before: Parameters<typeof look>, after: Parameters<typeof look>) =>
    eventsBetween(look(...before), look(...after)).map(
      (event) => `${event.what}${event.state ? ` ${event.state}` : ''}`,
    );

  it('is told by the words that other drivers have', () => {
    assert.deepEqual(what([], [{}]), ['defined']);
    assert.deepEqual(what([{}], []), ['undefined']);
    assert.deepEqual(what([{}], [{ state: 'running', number: 3 }]), ['started running']);
    assert.deepEqual(what([{ state: 'running', number: 3 }], [{}]), ['stopped shutoff']);
    assert.deepEqual(what([{ state: 'running', number: 3 }], [{ state: 'shutting_down', number: 3 }]), [
      'shutdown shutdown',
    ]);
    assert.deepEqual(what([{ state: 'ready', number: 3 }], [{ state: 'running', number: 3 }]), ['resumed running']);
    assert.deepEqual(what([{}], [{ state: 'ready', number: 3 }]), ['suspended paused']);
    assert.deepEqual(what([{ state: 'running', number: 3 }], []), ['stopped shutoff', 'undefined']);
    assert.deepEqual(what([{}, '1'], [{}, '2']), ['defined']);
    assert.deepEqual(what([{}], [{ name: 'web2' }]), ['defined']);
    assert.deepEqual(what([], [{ state: 'running', number: 1 }]), ['defined', 'started running']);
    assert.deepEqual(what([{ state: 'configured' }], [{}]), ['changed shutoff']);
    assert.deepEqual(what([{}], [{}]), []);
  });

  it('is a stop and a start where a zone has another number in the kernel', () => {
    assert.deepEqual(what([{ state: 'running', number: 3 }], [{ state: 'running', number: 4 }]), [
      'stopped shutoff',
      'started running',
    ]);
  });
});

describe('what is taken back', () => {
  it('is the last thing first, and all of it, also where one step cannot be', async () => {
    const done: string[] = [];
    const failed: string[] = [];
    const work = async (): Promise<void> => {
      await using undo = undoStack((what) => failed.push(what));
      undo.add('one', async (isClean) => void done.push(`one ${isClean}`));
      undo.add('two', async () => {
        throw new Error('stuck');
      });
      undo.add('three', async (isClean) => void done.push(`three ${isClean}`));
      throw new Error('no more');
    };
    await assert.rejects(work(), /no more/);
    assert.deepEqual(done, ['three true', 'one false']);
    assert.deepEqual(failed, ['two']);
  });

  it('is nothing where all went well, and nothing of somebody else', async () => {
    const done: string[] = [];
    {
      await using undo = undoStack(() => {});
      undo.add('kept', async () => void done.push('kept'));
      undo.keep();
    }
    const step = (problem: string) => ({
      what: 'a link',
      make: async () => {
        throw new Error(problem);
      },
      remove: async () => done.push(`removed after ${problem}`),
      isTaken: (error: unknown) => error instanceof Error && error.message === 'taken',
    });
    for (const problem of ['taken', 'cut off']) {
      await using undo = undoStack(() => {});
      await assert.rejects(undoable(undo, step(problem)), { message: problem });
    }
    assert.deepEqual(done, ['removed after cut off']);
  });

  it('is known by what is written down before', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'skerry-ledger-'));
    const ledger = ledgerIn(join(folder, 'made'));
    try {
      assert.deepEqual(await ledger.all(), []);
      const entry = { zone: 'web1', phase: 'making', links: ['a_0'], leaving: [], volumes: [] } as const;
      await ledger.write({ ...entry, links: [...entry.links], leaving: [], volumes: [] });
      await writeFile(join(folder, 'made', 'web2.json.new'), '{"half');
      assert.deepEqual(await ledger.all(), [entry]);
      await ledger.drop('web1');
      await ledger.drop('web1');
      assert.deepEqual(await ledger.all(), []);
      await writeFile(join(folder, 'made', 'web3.json'), '{"half');
      await assert.rejects(ledger.read('web3'), (error) => error instanceof Failure && error.code === 'host-output');
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe('a command that is run to its end', () => {
  const end = (script: string, more: { timeoutMs?: number; bytesMax?: number } = {}) =>
    runToEnd(
      { file: 'sh', args: ['-c', script], timeoutMs: more.timeoutMs ?? 20_000 },
      { bytesMax: more.bytesMax ?? 1_000, endBy: 'SIGINT' },
      signal(),
    );
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

  it('tells how it ended, and keeps the beginning of what it wrote', async () => {
    const one = await end('echo out; echo err >&2; exit 3');
    assert.deepEqual(
      { ...one, stdout: text(one.stdout), stderr: text(one.stderr) },
      { exitCode: 3, stdout: 'out\n', stderr: 'err\n', stderrEnd: 'err\n', cut: false, isLate: false },
    );
    const much = await end('seq 20000', { bytesMax: 10 });
    assert.deepEqual([text(much.stdout), much.cut, much.exitCode], ['1\n2\n3\n4\n5\n', true, 0]);
    const loud = await end('seq 20000 >&2; printf end >&2', { bytesMax: 10 });
    assert.deepEqual([text(loud.stderr), loud.stderrEnd.slice(-9)], ['1\n2\n3\n4\n5\n', '20000\nend']);
    const killed = await end('kill -KILL $$');
    assert.deepEqual([killed.exitCode, killed.signal], [undefined, 'SIGKILL']);
  });

  it('is ended at its limit', async () => {
    const late = await end('trap "exit 0" INT; while :; do sleep 0.05; done', { timeoutMs: 200 });
    assert.equal(late.isLate, true);
  });

  it('fails where there is no such program, and where it is called off', async () => {
    const off = new AbortController();
    await assert.rejects(
      runToEnd({ file: 'skerry-none', args: [], timeoutMs: 1_000 }, { bytesMax: 1 }, signal()),
      (error) => error instanceof Failure && error.code === 'host-command',
    );
    const running = runToEnd({ file: 'sleep', args: ['60'], timeoutMs: 60_000 }, { bytesMax: 1 }, off.signal);
    setTimeout(() => off.abort(new Error('called off')), 50);
    await assert.rejects(running, /called off/);
  });
});
