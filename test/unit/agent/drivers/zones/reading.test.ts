import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { cpusOf, mibOf } from '#agent/drivers/zones/amounts.ts';
import { codeOfRefusal, problemOf } from '#agent/drivers/zones/failures.ts';
import { figuresOf } from '#agent/drivers/zones/figures.ts';
import { guestOf, limitsOf, titleText } from '#agent/drivers/zones/guest-facts.ts';
import { hasCap } from '#agent/drivers/zones/setting.ts';
import { GUEST_STATE } from '#agent/drivers/zones/states.ts';
import {
  attribute,
  configText,
  parseZoneConfig,
  type Resource,
  type ZoneConfig,
} from '#agent/drivers/zones/zone-config.ts';
import { idOfName, parseZones, ZONE_STATES } from '#agent/drivers/zones/zone-list.ts';
import { Failure } from '#shared/errors.ts';

const fixture = (name: string): string =>
  readFileSync(new URL(`../../../../fixtures/zones/${name}`, import.meta.url), 'utf8');
const code = (wanted: string) => (error: unknown) => error instanceof Failure && error.code === wanted;

describe('zones: what zoneadm lists', () => {
  it('is read with fields that were added, escaped colons and lines of zones that have gone', () => {
    const wanted = JSON.parse(fixture('list.json'));
    const { zones, unclear } = parseZones(fixture('list.txt'));
    assert.equal(zones.length, wanted.zones.length);
    for (const [at, zone] of wanted.zones.entries()) {
      const { number, id = idOfName(zone.name), ...rest } = zone;
      assert.deepEqual(zones[at], { ...rest, id, number });
    }
    assert.deepEqual(
      unclear.map((line) => line.split(':').slice(0, 7).join(':')),
      wanted.unclear,
    );
  });

  it('is no list where a line has too few fields', () => {
    assert.throws(() => parseZones('3:web1:running:/export'), code('host-output'));
    assert.throws(() => parseZones('usage: zoneadm'), code('host-output'));
  });

  it('has a word of ours for each state', () => {
    for (const state of ZONE_STATES) assert.ok(GUEST_STATE[state], state);
  });

  it('has an id that is a UUID also for a zone that has none', () => {
    const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/;
    fc.assert(fc.property(fc.string(), (name) => uuid.test(idOfName(name))));
    assert.notEqual(idOfName('a'), idOfName('b'));
  });

  it('is read whatever the path is', () => {
    const path = fc.stringMatching(/^[ -~]{1,30}$/).filter((text) => !text.endsWith('\\') && !text.includes('\\:'));
    fc.assert(
      fc.property(path, (text) => {
        const line = `-:web1:installed:${text.replaceAll(':', '\\:')}::TRIBsparse:excl:extra\\:1:2`;
        assert.equal(parseZones(line).zones[0]?.path, text);
      }),
    );
  });
});

describe('zones: configurations', () => {
  for (const name of ['export-router.txt', 'export-machine.txt'])
    it(`of ${name} are read and written again`, () => {
      const text = fixture(name);
      assert.equal(
        configText(parseZoneConfig(text)),
        text.replace('set value=cpus=4,sockets=2', 'set value="cpus=4,sockets=2"'),
      );
    });

  const word = fc.stringMatching(/^[a-z][a-z0-9-]{0,9}$/);
  const value = fc.stringMatching(/^[ -~]{1,20}$/).filter((text) => !text.includes('"') && text.trim() === text);
  const plain = { noNullPrototype: true } as const;
  const setting = fc.record({ how: fc.constantFrom('set', 'add'), name: word, value }, plain);
  const resource: fc.Arbitrary<Resource> = fc.record(
    { kind: word, settings: fc.array(setting, { maxLength: 4 }) },
    plain,
  );
  const config: fc.Arbitrary<ZoneConfig> = fc.record(
    {
      create: fc.constantFrom(['-b'], ['-t', 'TRIBsparse'], []),
      properties: fc.array(fc.tuple(word, value), { maxLength: 4 }).map((pairs) => new Map(pairs)),
      resources: fc.array(resource, { maxLength: 4 }),
    },
    plain,
  );

  it('mean the same after they were written and read', () => {
    fc.assert(fc.property(config, (one) => assert.deepEqual(parseZoneConfig(configText(one)), one)));
  });

  it('take no line that zonecfg would read otherwise', () => {
    const bad = [
      ['no create', 'set autoboot=true'],
      ['a command that is none', 'create -b\nrm -rf /'],
      ['two commands in a line', 'create -b\nset autoboot=true; delete -F\nadd net'],
      ['no end', 'create -b\nadd net\nset physical=a0'],
      ['a quote inside', 'create -b\nset zonepath=a"b'],
      ['create twice', 'create -b\ncreate -t x'],
      ['nothing', ''],
      ['delete', 'create -b\ndelete -F'],
      ['export to a file', 'create -b\nexport -f /etc/passwd'],
    ];
    for (const [what, text = ''] of bad) assert.throws(() => parseZoneConfig(text), code('guest-definition'), what);
    for (const text of ['a"b', 'a\nb', 'a\tb', '\u0007'])
      assert.throws(
        () => configText({ create: ['-b'], properties: new Map([['x', text]]), resources: [] }),
        code('guest-definition'),
      );
  });

  it('say how much a zone may use', () => {
    const host = { cpus: 8, memoryMiB: 32_768 };
    const caps = (text: string) => limitsOf(parseZoneConfig(`create -b\nset brand=TRIBsparse\n${text}`), host);
    assert.deepEqual(limitsOf(parseZoneConfig(fixture('export-machine.txt')), host), { vcpus: 4, memoryMiB: 2048 });
    assert.deepEqual(limitsOf(parseZoneConfig(fixture('export-router.txt')), host), { vcpus: 8, memoryMiB: 32_768 });
    assert.deepEqual(caps('add capped-memory\nset physical=512M\nend\nadd capped-cpu\nset ncpus=1.25\nend'), {
      vcpus: 2,
      memoryMiB: 512,
    });
    assert.deepEqual(caps('add dedicated-cpu\nset ncpus=1-4\nend'), { vcpus: 4, memoryMiB: 32_768 });
    assert.deepEqual(caps('add rctl\nset name=zone.cpu-cap\nadd value (priv=privileged,limit=150,action=deny)\nend'), {
      vcpus: 2,
      memoryMiB: 32_768,
    });
  });

  it('hold a title in any script', () => {
    const zone = parseZones(fixture('list.txt')).zones[0]!;
    const host = { cpus: 1, memoryMiB: 1 };
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }).filter((text) => text.isWellFormed()),
        (title) => {
          const config = { create: ['-b'], properties: new Map(), resources: [attribute('comment', titleText(title))] };
          const written = configText(config);
          assert.match(written, /^[ -~\n]*$/, 'plain ASCII');
          assert.equal(guestOf(zone, parseZoneConfig(written), host).title, title);
        },
      ),
      { examples: [[`It's "so" & ☃`], ['100% %41'], [' ']] },
    );
  });
});

describe('zones: figures and refusals', () => {
  it('read amounts as zonecfg writes them', () => {
    assert.deepEqual(
      ['512M', '2g', '1.5G', '536870912', '1T', '3072K'].map(mibOf),
      [512, 2048, 1536, 512, 1_048_576, 3],
    );
    assert.deepEqual(['1', '1.25', '.75', '1-4', '2.00'].map(cpusOf), [1, 2, 1, 4, 2]);
    for (const text of ['', 'x', '1X', '-', '1--2', '0x10']) {
      assert.throws(() => mibOf(text), code('host-output'), text);
      assert.throws(() => cpusOf(text), code('host-output'), text);
    }
  });

  it('know the words of zoneadm and zonecfg', () => {
    for (const [problem, wanted] of JSON.parse(fixture('refusals.json')))
      assert.equal(codeOfRefusal(new Failure('host-command', { problem })) ?? null, wanted, problem);
    assert.equal(
      problemOf("zoneadm: zone 'web1': zone is incomplete; uninstall required.\n"),
      'zone is incomplete; uninstall required.',
    );
  });

  it('read CPU time, and nothing of a zone that has gone', () => {
    assert.deepEqual(figuresOf('zones:3:web1:nsec_sys\t1500000000\nzones:3:web1:nsec_user\t500000000'), {
      cpuTimeS: 2,
    });
    assert.deepEqual(figuresOf(''), {});
    assert.throws(() => figuresOf('kstat: no'), code('host-output'));
  });

  it('see whether a zone has a cap already', () => {
    assert.ok(hasCap('zone: 3: web1\nzone.cpu-cap privileged 200 - deny -\nzone.cpu-cap system 4294967295 inf deny -'));
    assert.ok(!hasCap('zone: 3: web1\nzone.cpu-cap system 4294967295 inf deny -'));
  });
});
