import assert from 'node:assert/strict';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { run } from '#agent/exec/run.ts';
import { startOnTerminal } from '#agent/exec/terminal.ts';
import { Failure, type FailureCode } from '#shared/errors.ts';
import { type IllumosBench, illumosBench } from '../../illumos/bench.ts';
import { placeCommands } from '../../illumos/commands.ts';
import { illumosRun } from '../../illumos/run.ts';
import { rebootHost } from '../../illumos/settling.ts';
import type { Fault } from '../../illumos/state.ts';
import { shellWords } from '../../illumos/zlogin.ts';

const failsWith = (code: FailureCode) => (error: unknown) => error instanceof Failure && error.code === code;

describe('the model of an illumos host', () => {
  let bench: IllumosBench;
  beforeEach(() => {
    bench = illumosBench();
  });
  afterEach(() => bench[Symbol.dispose]());

  const order = (fault: Partial<Fault> & { of: string }) =>
    bench.host.change((state) => {
      state.faults.push({ nth: 1, when: 'before', how: 'fails', ...fault });
    });
  const configure = (name: string, more = '') =>
    bench.lines(`zonecfg -z ${name} "create -b; set zonepath=/export/zones/${name}; ${more}"`);
  const stateOf = async (name: string) => (await bench.lines(`zoneadm -z ${name} list -p`))[0]?.split(':')[2];
  const asked = (file: string, ...args: string[]) => ({ file, args, timeoutMs: 300 });
  const anyTime = () => AbortSignal.timeout(5_000);

  it('fails before its effect, after it, or in the middle, the command that it is told, once', async () => {
    await configure('a');
    order({ of: '^zoneadm .*install' });
    assert.equal((await bench.type('zoneadm -z a install')).code, 1);
    assert.equal(await stateOf('a'), 'configured');
    order({ of: 'install', when: 'middle' });
    assert.equal((await bench.type('zoneadm -z a install')).code, 1);
    assert.equal(await stateOf('a'), 'incomplete');
    await bench.lines('zoneadm -z a uninstall -F');
    order({ of: 'install', when: 'after' });
    assert.equal((await bench.type('zoneadm -z a install')).code, 1);
    assert.equal(await stateOf('a'), 'installed');
    await bench.lines('zoneadm -z a boot');
  });

  it('counts the commands that fit', async () => {
    order({ of: 'create-etherstub', nth: 2 });
    await bench.lines('dladm create-etherstub stub0');
    assert.equal((await bench.type('dladm create-etherstub stub1')).code, 1);
    await bench.lines('dladm create-etherstub stub1');
  });

  it('takes down what did not come up (zoneadmd.c, bringup_failure_recovery)', async () => {
    await configure('a');
    await bench.lines('zoneadm -z a install');
    order({ of: ' boot', when: 'middle' });
    assert.match((await bench.type('zoneadm -z a boot')).stderr, /call to zoneadmd failed/);
    assert.equal(await stateOf('a'), 'installed');
  });

  it('hangs until it is given up, with or without its effect', async () => {
    const go = illumosRun(bench.host);
    order({ of: 'stub0', how: 'hangs' });
    await assert.rejects(go(asked('dladm', 'create-etherstub', 'stub0'), anyTime()), failsWith('host-timeout'));
    order({ of: 'stub0', how: 'hangs', when: 'after' });
    await assert.rejects(go(asked('dladm', 'create-etherstub', 'stub0'), anyTime()), failsWith('host-timeout'));
    assert.deepEqual(await bench.lines('dladm show-etherstub -p -o link'), ['stub0']);
  });

  it('is killed within an installation, and leaves it incomplete (zoneadm(8), SUBCOMMANDS)', async () => {
    await configure('a');
    order({ of: 'install', when: 'middle', how: 'is killed' });
    const go = illumosRun(bench.host);
    await assert.rejects(go(asked('zoneadm', '-z', 'a', 'install'), anyTime()), failsWith('host-command'));
    assert.equal(await stateOf('a'), 'incomplete');
  });

  it('is the same as processes, on the same state', async () => {
    const folder = join(bench.host.folder, 'bin');
    placeCommands(bench.host, folder);
    const at = (name: string, ...args: string[]) => ({ file: join(folder, name), args, timeoutMs: 20_000 });
    const signal = AbortSignal.timeout(60_000);
    const text = 'create -b\nset zonepath=/export/zones/a\n';
    await run({ ...at('zonecfg', '-z', 'a', '-f', '-'), input: text }, signal);
    order({ of: 'install', when: 'middle', how: 'is killed' });
    await assert.rejects(run(at('zoneadm', '-z', 'a', 'install'), signal), failsWith('host-command'));
    assert.equal(await stateOf('a'), 'incomplete');
    await assert.rejects(
      run(at('zoneadm', '-z', 'a', 'boot'), signal),
      (error) =>
        error instanceof Failure && error.details.problem === "zoneadm: zone 'a': must be installed before boot.",
    );
  }).timeout(60_000);

  it('runs programs in a zone by a shell, and passes signals on (zlogin(1))', async () => {
    const folder = join(bench.host.folder, 'bin');
    placeCommands(bench.host, folder);
    await configure('a');
    await bench.lines('zoneadm -z a install');
    await bench.lines('zoneadm -z a boot');
    const zlogin = (line: string, timeoutMs = 20_000) => ({
      file: join(folder, 'zlogin'),
      args: ['a', line],
      timeoutMs,
    });
    const signal = AbortSignal.timeout(60_000);
    assert.equal(await run(zlogin(`printf '%s|' 'two  blanks' '$HOME' "it's"`), signal), "two  blanks|$HOME|it's|");
    await assert.rejects(run(zlogin("'skerry-no-such-program'"), signal), (error) => {
      return error instanceof Failure && error.details.exitCode === 127;
    });
    await assert.rejects(run(zlogin('sleep 600', 1_500), signal), failsWith('host-timeout'));
  }).timeout(60_000);

  it('gives the console of a zone on a terminal, until it is down (zlogin(1), -C)', async () => {
    const folder = join(bench.host.folder, 'bin');
    placeCommands(bench.host, folder);
    await configure('a');
    await bench.lines('zoneadm -z a install');
    await bench.lines('zoneadm -z a boot');
    const terminal = startOnTerminal([join(folder, 'zlogin'), '-C', '-d', '-E', '-Q', 'a']);
    const ended = new Promise<void>((resolve) => terminal.onEnd(resolve));
    const shown = new Promise<void>((resolve) => {
      let text = '';
      terminal.onData((chunk) => {
        const isFirst = !text.includes(':~# ');
        text += Buffer.from(chunk).toString();
        if (isFirst && text.includes(':~# ')) void terminal.write(Buffer.from('uname\r'));
        if (/uname\s+SunOS\s/.test(text)) resolve();
      });
    });
    await shown;
    await bench.lines('zoneadm -z a halt');
    await ended;
    await terminal.close();
  }).timeout(60_000);

  it('parts words as a shell does', () => {
    assert.deepEqual(shellWords(`'a b' c\\ d "e \\"f" ''`), ['a b', 'c d', 'e "f', '']);
  });

  it('has the races of a listing: a zone that stops, one that boots, one that cannot be read (zoneadm.c)', async () => {
    await configure('a');
    const meets = (what: 'stops' | 'boots' | 'unread') =>
      bench.host.change((state) => {
        state.races.push({ zone: 'a', what });
      });
    meets('stops');
    assert.deepEqual(await bench.lines('zoneadm list -cnp'), []);
    meets('boots');
    assert.deepEqual(await bench.lines('zoneadm list -cnp'), ['-:a:running:/export/zones/a::native:shared']);
    meets('unread');
    assert.deepEqual(await bench.lines('zoneadm list -cnp'), ['-:a:???:???::???:shared']);
    assert.deepEqual(await bench.lines('zoneadm list -cnp'), ['-:a:configured:/export/zones/a::native:shared']);
  });

  it('boots with the host what has autoboot, in no order (svc-zones)', async () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    for (const name of names) {
      await configure(name, name === 'e' ? '' : 'set autoboot=true');
      await bench.lines(`zoneadm -z ${name} install`);
      await bench.lines(`zoneadm -z ${name} boot`);
    }
    const orders = Array.from({ length: 8 }, () => rebootHost(bench.host));
    for (const order of orders) assert.deepEqual([...order].sort(), ['a', 'b', 'c', 'd']);
    assert.ok(new Set(orders.map(String)).size > 1, String(orders));
    assert.equal(await stateOf('e'), 'installed');
    await bench.lines('svcadm disable system/zones');
    assert.deepEqual(rebootHost(bench.host), []);
  });

  it('removes nothing that is not its own', () => {
    bench.host.change((state) => {
      state.settings.removable = ['/nowhere'];
    });
    assert.throws(() => bench.host.remove('/export'), /is none of the modelled host's/);
  });
});
