import assert from 'node:assert/strict';
import { statSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { type IllumosBench, illumosBench } from '../../illumos/bench.ts';
import { bytesOf, scaled } from '../../illumos/zonecfg-text.ts';
import { subcommands } from '../../illumos/zonecfg-words.ts';

/** Each test names the section of the manual that it is taken from. */
describe('the model of zonecfg', () => {
  let bench: IllumosBench;
  beforeEach(() => {
    bench = illumosBench();
  });
  afterEach(() => bench[Symbol.dispose]());

  const file = async (name: string, text: string) => {
    const place = bench.host.path(`/rpool/${name}.cfg`);
    writeFileSync(place, text);
    return bench.type(`zonecfg -z ${name} -f /rpool/${name}.cfg`);
  };

  it('shows a property a line, a resource as a block, what is unset in words (zonecfg(8), info)', async () => {
    await bench.lines(
      'zonecfg -z a "create -b; set zonepath=/export/zones/a; set ip-type=exclusive; add net; set physical=znic0; end; ' +
        'add attr; set name=comment; set type=string; set value=hello; end; add capped-memory; set physical=512M; set swap=1G; end; ' +
        'add capped-cpu; set ncpus=1.5; end; set cpu-shares=20"',
    );
    assert.deepEqual(await bench.lines('zonecfg -z a info'), [
      'zonename: a',
      'zonepath: /export/zones/a',
      'brand: native',
      'autoboot: false',
      'bootargs: ',
      'pool: ',
      'limitpriv: ',
      'scheduling-class: ',
      'ip-type: exclusive',
      'hostid: ',
      'fs-allowed: ',
      '[cpu-shares: 20]',
      'net:',
      '\taddress not specified',
      '\tallowed-address not specified',
      '\tphysical: znic0',
      '\tdefrouter not specified',
      'capped-cpu:',
      '\t[ncpus: 1.50]',
      'capped-memory:',
      '\tphysical: 512M',
      '\t[swap: 1G]',
      'attr:',
      '\tname: comment',
      '\ttype: string',
      '\tvalue: hello',
      'rctl:',
      '\tname: zone.max-swap',
      '\tvalue: (priv=privileged,limit=1073741824,action=deny)',
      'rctl:',
      '\tname: zone.cpu-cap',
      '\tvalue: (priv=privileged,limit=150,action=none)',
      'rctl:',
      '\tname: zone.cpu-shares',
      '\tvalue: (priv=privileged,limit=20,action=none)',
    ]);
    assert.deepEqual(await bench.lines('zonecfg -z a info autoboot'), ['autoboot: false']);
    assert.equal((await bench.lines('zonecfg -z a info net physical=znic0')).length, 5);
  });

  it('exports what makes the same zone again, caps as resource controls (zonecfg(8), export)', async () => {
    await bench.lines(
      'zonecfg -z a "create -t TRIBwhole; set zonepath=/export/zones/a; set autoboot=true; add capped-cpu; set ncpus=2; end; ' +
        'add fs; set dir=/data; set special=/export/data; set type=lofs; add options [ro,nodevices]; end"',
    );
    const exported = await bench.lines('zonecfg -z a export');
    assert.deepEqual(exported, [
      'create -b',
      'set zonepath=/export/zones/a',
      'set brand=whole-root',
      'set autoboot=true',
      'set ip-type=shared',
      'add fs',
      'set dir=/data',
      'set special=/export/data',
      'set type=lofs',
      'add options ro',
      'add options nodevices',
      'end',
      'add rctl',
      'set name=zone.cpu-cap',
      'add value (priv=privileged,limit=200,action=none)',
      'end',
    ]);
    assert.equal((await file('b', exported.join('\n').replace('zones/a', 'zones/b'))).code, 0);
    const again = (await bench.lines('zonecfg -z b export')).join('\n');
    assert.equal(again.replace('zones/b', 'zones/a'), exported.join('\n'));
  });

  it('ends a command file at its first error, and keeps what came before it (zonecfg.c, read_input and cleanup)', async () => {
    const { code, stderr } = await file(
      'a',
      'create -b\nset zonepath=/export/zones/a\nset nonsense=1\nset autoboot=true\n',
    );
    assert.equal(code, 1);
    assert.equal(stderr, 'On line 3 of /rpool/a.cfg:\nnonsense: No such property type\n');
    assert.deepEqual(await bench.lines('zonecfg -z a info autoboot'), ['autoboot: false']);
  });

  it('goes on after an error on the command line, and says so by its exit code (zonecfg.c, one_command_at_a_time)', async () => {
    assert.equal(
      (await bench.type('zonecfg -z a "create -b; set zonepath=/z; set nonsense=1; set autoboot=true"')).code,
      1,
    );
    assert.deepEqual(await bench.lines('zonecfg -z a info autoboot'), ['autoboot: true']);
  });

  it('says so of a file that is not there (zonecfg.c, cmd_file)', async () => {
    assert.deepEqual(await bench.type('zonecfg -z a -f /nope'), {
      code: 1,
      stdout: '',
      stderr: 'could not open file /nope: No such file or directory\n',
    });
  });

  it('reads from standard input (zonecfg(8), SYNOPSIS)', async () => {
    await bench.lines('zonecfg -z a', 'create -b\nset zonepath=/export/zones/a\ncommit\n');
    await bench.lines('zonecfg -z a -f -', 'set autoboot=true\n');
    assert.deepEqual(await bench.lines('zonecfg -z a info autoboot'), ['autoboot: true']);
  });

  it('keeps nothing that is not complete (zonecfg(8), commit and verify)', async () => {
    const wrong = async (text: string, says: RegExp) => {
      const { code, stderr } = await bench.type(`zonecfg -z a "${text}"`);
      assert.equal(code, 1, text);
      assert.match(stderr, says);
      assert.equal((await bench.type('zonecfg -z a info')).stderr, 'a: No such zone configured\n');
    };
    await wrong('create -b', /^zonepath cannot be empty\.$/m);
    await wrong('create -b; set zonepath=/z; add net; set physical=net0', /^Resource incomplete\.$/m);
    await wrong('create -b; set zonepath=/z; add net; set physical=net0; end', /^net: address not specified$/m);
    const exclusive = 'create -b; set zonepath=/z; set ip-type=exclusive; add net; set physical=v0;';
    await wrong(`${exclusive} set address=10.0.0.1/24; end`, /address cannot be specified for an exclusive IP type/);
    await wrong(`${exclusive} set defrouter=10.0.0.1; end`, /cannot be specified without allowed-address/);
    await wrong('create -t nope', /^nope: No such zone configured$/m);
  });

  it('asks for -F where something would be lost (zonecfg(8), SUBCOMMANDS)', async () => {
    await bench.lines('zonecfg -z a "create -b; set zonepath=/export/zones/a"');
    const { code, stderr } = await bench.type('zonecfg -z a delete');
    assert.equal(code, 1);
    assert.equal(stderr, 'Input not from terminal and -F not specified:\ndelete command ignored, exiting.\n');
    assert.match((await bench.type('zonecfg -z a create')).stderr, /^Zone exists, input not from terminal and -F not/);
    await bench.lines('zonecfg -z a delete -F');
    assert.equal((await bench.type('zonecfg -z a delete -F')).stderr, 'a: No such zone configured\n');
  });

  it('refuses to delete, rename or overwrite what is up or installed (zonecfg.c; libzonecfg.c, zonecfg_destroy)', async () => {
    await bench.lines('zonecfg -z a "create -b; set zonepath=/export/zones/a"');
    await bench.lines('zoneadm -z a install');
    assert.match((await bench.type('zonecfg -z a create -F')).stderr, /already installed; create not allowed/);
    assert.match(
      (await bench.type('zonecfg -z a set zonepath=/else')).stderr,
      /already installed; set zonepath not allowed/,
    );
    await bench.lines('zoneadm -z a boot');
    assert.match(
      (await bench.type('zonecfg -z a delete -F')).stderr,
      /Zone state is invalid for the requested operation/,
    );
  });

  it('renames a zone that is down (zonecfg(8), Example 5)', async () => {
    await bench.lines('zonecfg -z a "create -b; set zonepath=/export/zones/a"');
    await bench.lines('zonecfg -z a set zonename=b');
    assert.deepEqual(await bench.lines('zoneadm list -cn'), ['b']);
  });

  it('changes a running zone from its next boot on (zonecfg(8), DESCRIPTION)', async () => {
    await bench.lines('zonecfg -z a "create -b; set zonepath=/export/zones/a"');
    await bench.lines('zoneadm -z a install');
    await bench.lines('zoneadm -z a boot');
    await bench.lines('zonecfg -z a set ip-type=exclusive');
    const ipType = async () => (await bench.lines('zoneadm -z a list -p'))[0]?.split(':')[6];
    assert.equal(await ipType(), 'shared');
    await bench.lines('zoneadm -z a reboot');
    assert.equal(await ipType(), 'excl');
  });

  it('selects, changes and removes one resource of many (zonecfg(8), select and remove)', async () => {
    const net = (name: string) => `add net; set physical=${name}; end`;
    await bench.lines(`zonecfg -z a "create -b; set zonepath=/z/a; set ip-type=exclusive; ${net('v0')}; ${net('v1')}"`);
    await bench.lines('zonecfg -z a "select net physical=v1; set allowed-address=10.0.0.2/24; end"');
    assert.match(
      (await bench.type('zonecfg -z a "select net physical=v9"')).stderr,
      /^select net: No such resource with that id/,
    );
    assert.match((await bench.type('zonecfg -z a remove net')).stderr, /-F not specified/);
    await bench.lines('zonecfg -z a remove net physical=v0');
    assert.deepEqual(await bench.lines('zonecfg -z a info net'), [
      'net:',
      '\taddress not specified',
      '\tallowed-address: 10.0.0.2/24',
      '\tphysical: v1',
      '\tdefrouter not specified',
    ]);
  });

  it('takes names as the page says, with exit code 2 for others (zonecfg(8), -z)', async () => {
    for (const name of ['-x', '.a', 'SUNWa', 'a/b', 'a'.repeat(64)]) {
      assert.equal((await bench.type(`zonecfg -z ${name} create`)).code, 2, name);
    }
  });

  it('needs a scale for memory, and no less than the least (zonecfg(8), capped-memory)', async () => {
    const start = 'create -b; set zonepath=/z/a; add capped-memory;';
    assert.match(
      (await bench.type(`zonecfg -z a "${start} set physical=512; cancel"`)).stderr,
      /required scale suffix/,
    );
    assert.match((await bench.type(`zonecfg -z b "${start} set swap=1M; cancel"`)).stderr, /must be at least 50M/);
  });

  it('takes the caps of swap and locked memory away with that of memory (zonecfg.c, remove_mcap)', async () => {
    await bench.lines(
      'zonecfg -z a "create -b; set zonepath=/z/a; add capped-memory; set physical=512M; set swap=1G; end"',
    );
    assert.match(
      (await bench.type('zonecfg -z a add capped-memory')).stderr,
      /or a related resource control already exists/,
    );
    await bench.lines('zonecfg -z a "select capped-memory; clear physical; end"');
    assert.deepEqual(await bench.lines('zonecfg -z a info capped-memory'), ['capped-memory:', '\t[swap: 1G]']);
    await bench.lines('zonecfg -z a "select capped-memory; set physical=256M; end"');
    assert.deepEqual((await bench.lines('zonecfg -z a info capped-memory')).slice(1), [
      '\tphysical: 256M',
      '\t[swap: 1G]',
    ]);
    await bench.lines('zonecfg -z a remove -F capped-memory');
    assert.deepEqual(await bench.lines('zonecfg -z a info rctl'), []);
  });

  it('holds no attribute longer than a name (zonecfg.c, validate_attr_type_val)', async () => {
    const attr = (length: number) =>
      bench.type(
        `zonecfg -z a "create -F -b; set zonepath=/z/a; add attr; set name=n; set type=string; set value=${'x'.repeat(length)}; end"`,
      );
    assert.equal((await attr(255)).code, 0);
    assert.match((await attr(256)).stderr, /^invalid attr value for type=string$/m);
  });

  it('writes the file of a zone anew at every change (libzonecfg.c, zonecfg_save_impl)', async () => {
    const stamp = () => statSync(bench.host.path('/etc/zones/a.xml'), { bigint: true, throwIfNoEntry: false });
    await bench.lines('zonecfg -z a "create -b; set zonepath=/z/a"');
    const first = stamp();
    await bench.lines('zonecfg -z a set autoboot=true');
    assert.notEqual(stamp()?.ino, first?.ino);
    await bench.lines('zonecfg -z a delete -F');
    assert.equal(stamp(), undefined);
  });

  it('reads back every size that it writes, to what one decimal holds', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 45 }), (bytes) => {
        const again = bytesOf(scaled(bytes)) ?? assert.fail(scaled(bytes));
        assert.ok(Math.abs(again - bytes) <= Math.max(1, bytes * 0.06), `${bytes} ${scaled(bytes)}`);
      }),
    );
  });

  it('reads subcommands with lists, quotes, comments and complex values (zonecfg(8), Properties)', () => {
    const text =
      'add options [ro,"a=b"]; set value="two words" # why\nadd value (priv=privileged,limit=1,action=none)\n';
    assert.deepEqual(
      [...subcommands(text)].map(({ name, words, pairs, line }) => [name, words, pairs, line]),
      [
        ['add', [], [['options', ['ro', 'a=b']]], 1],
        ['set', [], [['value', 'two words']], 1],
        ['add', ['value', '(priv=privileged,limit=1,action=none)'], [], 2],
      ],
    );
  });

  it('reads any word as itself', () => {
    const word = fc.stringMatching(/^[A-Za-z0-9./_:-]{1,12}$/);
    fc.assert(
      fc.property(word, word, word, (name, key, value) => {
        const [one] = [...subcommands(`${name} ${key}=${value}\n`)];
        assert.deepEqual(one, { name, words: [], pairs: [[key, value]], line: 1 });
      }),
    );
  });
});
