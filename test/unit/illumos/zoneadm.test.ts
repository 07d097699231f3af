import assert from 'node:assert/strict';
import { existsSync, mkdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { type IllumosBench, illumosBench } from '../../illumos/bench.ts';

const HOUR_MS = 3_600_000;

/** Each test names the section of the manual that it is taken from. */
describe('the model of zoneadm', () => {
  let bench: IllumosBench;
  beforeEach(() => {
    bench = illumosBench({ shutdownMs: 20 });
  });
  afterEach(() => bench[Symbol.dispose]());

  const configure = (name: string, more = '') =>
    bench.lines(`zonecfg -z ${name} "create -b; set zonepath=/export/zones/${name}; ${more}"`);
  const installed = async (name: string, more = '') => {
    await configure(name, more);
    await bench.lines(`zoneadm -z ${name} install`);
  };
  const running = async (name: string, more = '') => {
    await installed(name, more);
    await bench.lines(`zoneadm -z ${name} boot`);
  };
  const stateOf = async (name: string) => (await bench.lines(`zoneadm -z ${name} list -p`))[0]?.split(':')[2];
  const refuses = async (line: string, message: string, code = 1) => {
    const ended = await bench.type(line);
    assert.deepEqual({ code: ended.code, stderr: ended.stderr.trim() }, { code, stderr: message });
  };

  it('lists running zones, installed ones with -i, all with -c, the global one unless -n (zoneadm(8), list)', async () => {
    await running('a');
    await installed('b');
    await configure('c');
    assert.deepEqual(await bench.lines('zoneadm list'), ['global', 'a']);
    assert.deepEqual(await bench.lines('zoneadm list -i'), ['global', 'a', 'b']);
    assert.deepEqual(await bench.lines('zoneadm list -c'), ['global', 'a', 'b', 'c']);
    assert.deepEqual(await bench.lines('zoneadm list -cn'), ['a', 'b', 'c']);
    assert.deepEqual(await bench.lines('zoneadm -z c list'), ['c']);
    const verbose = await bench.lines('zoneadm list -icnv');
    assert.match(verbose[0] ?? '', /^ +ID NAME +STATUS +PATH +BRAND +IP/);
    assert.match(verbose[1] ?? '', /^ +1 a +running +\/export\/zones\/a +native +shared/);
  });

  it('prints seven fields, an id only of what is booted, a UUID only of what is installed (zoneadm(8), list -p)', async () => {
    await running('a', 'set ip-type=exclusive');
    await configure('c');
    const [, a, c] = await bench.lines('zoneadm list -cp');
    assert.match(a ?? '', /^1:a:running:\/export\/zones\/a:[0-9a-f-]{36}:native:excl$/);
    assert.equal(c, '-:c:configured:/export/zones/c::native:shared');
  });

  it('escapes colons in the path, and may have fields more (zoneadm(8), list -p)', async () => {
    bench.host.change((state) => {
      state.settings.listFields = 8;
    });
    await bench.lines('zonecfg -z a "create -b; set zonepath=/export/zones/a:b"');
    assert.deepEqual(await bench.lines('zoneadm -z a list -p'), [
      '-:a:configured:/export/zones/a\\:b::native:shared:1',
    ]);
  });

  it('takes -p or -v, and no -c or -i for one zone (zoneadm(8), list)', async () => {
    await configure('a');
    await refuses('zoneadm list -pv', 'zoneadm: list -p and -v are mutually exclusive.');
    assert.equal((await bench.type('zoneadm -z a list -c')).code, 2);
    assert.equal((await bench.type('zoneadm nonsense')).code, 2);
    await refuses('zoneadm -z nope list -p', 'zoneadm: nope: No such zone configured');
  });

  it('goes from configured to installed to running and back (zones(7), Zone States)', async () => {
    await configure('a');
    assert.equal(await stateOf('a'), 'configured');
    await bench.lines('zoneadm -z a install');
    assert.equal(await stateOf('a'), 'installed');
    await bench.lines('zoneadm -z a ready');
    assert.equal(await stateOf('a'), 'ready');
    await bench.lines('zoneadm -z a boot');
    assert.equal(await stateOf('a'), 'running');
    await bench.lines('zoneadm -z a halt');
    assert.equal(await stateOf('a'), 'installed');
    await bench.lines('zoneadm -z a uninstall -F');
    assert.equal(await stateOf('a'), 'configured');
  });

  it('refuses by state, in the words of the source (zoneadm.c, sanity_check)', async () => {
    await configure('a');
    const says = (text: string) => `zoneadm: zone 'a': ${text}`;
    await refuses('zoneadm -z a boot', says('must be installed before boot.'));
    await refuses('zoneadm -z a uninstall -F', says("is already in state 'configured'."));
    await refuses('zoneadm -z a shutdown', says('not running'));
    await refuses('zoneadm -z a reboot', says('not running'));
    await bench.lines('zoneadm -z a install');
    await refuses('zoneadm -z a install', says('is already installed.'));
    await refuses('zoneadm -z a uninstall', says('Input not from terminal and -F not specified: uninstall not done.'));
    await bench.lines('zoneadm -z a boot');
    await refuses('zoneadm -z a uninstall -F', says('uninstall operation is invalid for running zones.'));
    await refuses('zoneadm -z a mark incomplete', says('mark operation is invalid for running zones.'));
    await bench.lines('zoneadm -z a halt');
    await bench.lines('zoneadm -z a mark incomplete');
    await refuses('zoneadm -z a boot', says('must be installed before boot.'));
    await refuses('zoneadm -z a install', says('zone is incomplete; uninstall required.'));
    await bench.lines('zoneadm -z a uninstall -F');
    await refuses('zoneadm -z global boot', "zoneadm: zone 'global': boot operation is invalid for the global zone.");
    bench.host.change((state) => {
      state.settings.privileged = false;
    });
    await refuses('zoneadm -z a install', says('only a privileged user may install a zone.'));
  });

  it('says no more than a word where a zone is as it was wanted (zoneadmd.c, server)', async () => {
    await running('a');
    const again = await bench.type('zoneadm -z a boot');
    assert.deepEqual(again, { code: 0, stdout: '', stderr: "zoneadm: zone 'a': zone is already booted\n" });
    await bench.lines('zoneadm -z a halt');
    const halted = await bench.type('zoneadm -z a halt');
    assert.deepEqual(halted, { code: 0, stdout: '', stderr: "zoneadm: zone 'a': zone is already halted\n" });
  });

  it('is for the global zone alone (zoneadm.c, sanity_check)', async () => {
    await running('a');
    await refuses('zlogin a zoneadm -z a boot', 'zlogin: must be in the global zone to boot a zone.');
  });

  it('waits for a shutdown, which goes on when nobody waits any more (zoneadm(8), shutdown)', async () => {
    await running('a');
    await bench.lines('zoneadm -z a shutdown');
    assert.equal(await stateOf('a'), 'installed');
    await bench.lines('zoneadm -z a boot');
    bench.host.change((state) => {
      state.settings.shutdownMs = HOUR_MS;
    });
    await bench.lines('zlogin a shutdown -y -g 0 -i 5');
    /** As if it had been asked so long ago. */
    const askedAgo = (ms: number) =>
      bench.host.change(({ zones: [zone] }) => {
        const shutdownFrom = Date.now() - ms;
        Object.assign(zone?.kernel ?? {}, { shutdownFrom, stopsAt: shutdownFrom + HOUR_MS });
      });
    for (const [share, word] of [
      [0, 'running'],
      [0.6, 'shutting_down'],
      [0.95, 'down'],
      [1, 'installed'],
    ] as const) {
      askedAgo(share * HOUR_MS);
      assert.equal(await stateOf('a'), word);
    }
  });

  it('gives up a shutdown at its time limit (zoneadm(8), shutdown)', async () => {
    await running('a');
    bench.host.change((state) => {
      state.settings.deaf = ['a'];
      state.settings.shutdownTimeoutMs = 20;
    });
    assert.equal((await bench.type('zoneadm -z a shutdown')).code, 1);
    assert.equal(await stateOf('a'), 'running');
  });

  it('makes the zonepath, with 700, or refuses what is there otherwise (zoneadm(8), verify)', async () => {
    await configure('a');
    mkdirSync(bench.host.path('/export/zones/a'), { recursive: true, mode: 0o755 });
    const { code, stderr } = await bench.type('zoneadm -z a install');
    assert.equal(code, 1);
    assert.match(stderr, /^\/export\/zones\/a must not be group readable\.$/m);
    assert.match(stderr, /^could not verify zonepath \/export\/zones\/a because of the above errors\.$/m);
    assert.equal(await stateOf('a'), 'configured');
  });

  it('refuses a zonepath under that of another zone (zoneadm.c, crosscheck_zonepaths)', async () => {
    await installed('a');
    await bench.lines('zonecfg -z b "create -b; set zonepath=/export/zones/a/b"');
    assert.match((await bench.type('zoneadm -z b install')).stderr, /^b zonepath .* and a zonepath .* overlap\.$/m);
  });

  it('removes all under the zonepath, and the file system with it (zoneadm(8), uninstall)', async () => {
    await bench.lines('zfs create rpool/export/zones');
    await installed('a');
    assert.deepEqual(await bench.lines('zfs list -H -o mountpoint rpool/export/zones/a'), ['/export/zones/a']);
    await bench.lines('zoneadm -z a uninstall -F');
    assert.equal(existsSync(bench.host.path('/export/zones/a')), false);
    assert.equal((await bench.type('zfs list rpool/export/zones/a')).code, 1);
  });

  it('clones a zone that is down, of the same brand (zoneadm(8), clone)', async () => {
    await running('a');
    await configure('b');
    assert.equal((await bench.type('zoneadm -z b clone a')).code, 1);
    await bench.lines('zoneadm -z a halt');
    await bench.lines('zoneadm -z b clone a');
    assert.equal(await stateOf('b'), 'installed');
    await bench.lines('zonecfg -z c "create -t SUNWlx; set ip-type=exclusive; set zonepath=/export/zones/c"');
    assert.match((await bench.type('zoneadm -z c clone a')).stderr, /have different brand types/);
  });

  it('leaves the files where they are when it detaches, and refuses to install there (zoneadm(8), detach)', async () => {
    await installed('a');
    await bench.lines('zoneadm -z a detach');
    assert.equal(await stateOf('a'), 'configured');
    assert.match((await bench.type('zoneadm -z a install')).stderr, /^Cannot install detached zone\.$/m);
    await bench.lines('zoneadm -z a attach');
    assert.equal(await stateOf('a'), 'installed');
  });

  it('boots an exclusive zone only with its links, and holds them while it runs (zoneadmd, vplat.c)', async () => {
    await installed('a', 'set ip-type=exclusive; add net; set physical=vnic0; end');
    const { code, stderr } = await bench.type('zoneadm -z a boot');
    assert.equal(code, 1);
    assert.match(stderr, /'vnic0': object not found/);
    assert.match(stderr, /^zoneadm: zone 'a': call to zoneadmd failed$/m);
    assert.equal(await stateOf('a'), 'installed');
    await bench.lines('dladm create-vnic -l net0 vnic0');
    await bench.lines('zoneadm -z a boot');
    assert.deepEqual(await bench.lines('dladm show-vnic -p -o zone vnic0'), ['a']);
    await installed('b', 'set ip-type=exclusive; add net; set physical=vnic0; end');
    assert.match((await bench.type('zoneadm -z b boot')).stderr, /used by the non-global zone 'a'/);
    assert.equal(await stateOf('b'), 'installed');
  });

  it('caps a zone that runs until its next boot (prctl(1), rcapadm(8))', async () => {
    const cap = async () =>
      (await bench.lines('prctl -P -n zone.cpu-cap -i zone a')).filter((line) => /privileged/.test(line));
    await running('a', 'add capped-memory; set physical=512M; end');
    assert.deepEqual(await cap(), []);
    await refuses(
      'prctl -n zone.cpu-cap -t privileged -r -v 80 -i zone a',
      'prctl: failed to find rctl zone.cpu-cap to replace',
    );
    await bench.lines('prctl -n zone.cpu-cap -t privileged -s -v 150 -i zone a');
    await bench.lines('prctl -n zone.cpu-cap -t privileged -r -v 80 -i zone a');
    assert.deepEqual(await cap(), ['zone.cpu-cap privileged 80 - deny -']);
    await bench.lines('rcapadm -z a -m 256M');
    assert.deepEqual(await bench.lines('kstat -p memory_cap:1::physcap'), [
      `memory_cap:1:a:physcap\t${256 * 1024 ** 2}`,
    ]);
    await bench.lines('zoneadm -z a reboot');
    assert.deepEqual(await cap(), []);
    assert.equal((await bench.type('rcapadm -z b -m 256M')).code, 1);
  });

  it('boots a shared zone also where its interface is missing, with a warning (zoneadm.c, verify_handle)', async () => {
    await installed('a', 'add net; set physical=snic0; set address=10.1.2.3/24; end');
    const { code, stderr } = await bench.type('zoneadm -z a boot');
    assert.equal(code, 0);
    assert.match(stderr, /^WARNING: skipping network interface 'snic0' which may not be present/);
  });
});
