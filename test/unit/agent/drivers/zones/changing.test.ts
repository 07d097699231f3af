import assert from 'node:assert/strict';
import fc from 'fast-check';
import { BRANDS, brandIn } from '#agent/drivers/zones/brands.ts';
import { changeLines } from '#agent/drivers/zones/config-change.ts';
import { cloneConfig } from '#agent/drivers/zones/creating.ts';
import { parseDefinition, planOf } from '#agent/drivers/zones/plan.ts';
import { configOf, definitionOf, definitionText } from '#agent/drivers/zones/short-form.ts';
import { vnicsIn, withoutMac, withVnic } from '#agent/drivers/zones/vnics.ts';
import { parseZoneConfig, resource, type ZoneConfig } from '#agent/drivers/zones/zone-config.ts';
import { Failure } from '#shared/errors.ts';
import { GuestForm } from '#shared/model/guest.ts';

const ZONES = '/export/zones';
const PLACES = { zonesFolder: ZONES, packageCache: '/var/zap/cache' };
const code = (wanted: string) => (error: unknown) => error instanceof Failure && error.code === wanted;

/** What zonecfg(8) says that these subcommands do. */
function carriedOut(config: ZoneConfig, lines: readonly string[]): ZoneConfig {
  const after = { ...config, properties: new Map(config.properties), resources: [...config.resources] };
  const added: string[] = [];
  for (const line of lines) {
    const [, kind] = /^remove -F (\S+)$/.exec(line) ?? [];
    const [, cleared] = /^clear (\S+)$/.exec(line) ?? [];
    if (kind) after.resources = after.resources.filter((each) => each.kind !== kind);
    else if (cleared) after.properties.delete(cleared);
    else added.push(line);
  }
  const parsed = parseZoneConfig(['create -b', ...added].join('\n'));
  for (const [name, value] of parsed.properties) after.properties.set(name, value);
  return { ...after, resources: [...after.resources, ...parsed.resources] };
}
const said = ({ properties, resources }: ZoneConfig) => ({
  properties: [...properties].sort(),
  resources: resources.map((each) => JSON.stringify(each)).sort(),
});

describe('zones: changes of a configuration', () => {
  const word = fc.constantFrom('autoboot', 'bootargs', 'pool', 'hostid');
  const value = fc.constantFrom('a', 'b', 'two words');
  const one = fc
    .tuple(fc.constantFrom('net', 'attr', 'fs', 'capped-cpu'), fc.array(fc.tuple(word, value), { maxLength: 2 }))
    .map(([kind, pairs]) => resource(kind, Object.fromEntries(pairs)));
  const config = fc.tuple(fc.array(fc.tuple(word, value)), fc.array(one, { maxLength: 5 })).map(
    ([pairs, resources]): ZoneConfig => ({
      create: ['-b'],
      properties: new Map([['zonepath', '/z/a'], ['brand', 'x'], ...pairs]),
      resources,
    }),
  );

  it('lead from one to the other, and back', () => {
    fc.assert(
      fc.property(config, config, (from, to) => {
        const there = carriedOut(from, changeLines(from, to));
        assert.deepEqual(said(there), said(to));
        assert.deepEqual(said(carriedOut(there, changeLines(there, from))), said(from));
        assert.deepEqual(changeLines(from, from), []);
      }),
    );
  });

  it('are checked before they are kept, and touch no kind that stays', () => {
    const from = parseZoneConfig(
      'create -b\nset zonepath=/z/a\nadd net\nset physical=a0\nend\nadd attr\nset name=x\nend',
    );
    const to = { ...from, resources: [...from.resources, resource('net', { physical: 'b0' })] };
    assert.deepEqual(changeLines(from, to), [
      ...[
        'remove -F net',
        'add net',
        'set physical=a0',
        'end',
        'add net',
        'set physical=b0',
        'end',
        'verify',
        'commit',
      ],
    ]);
  });

  it('keep the brand and the path', () => {
    const from = parseZoneConfig('create -b\nset zonepath=/z/a\nset brand=x');
    for (const text of ['create -b\nset zonepath=/z/b\nset brand=x', 'create -b\nset zonepath=/z/a\nset brand=y'])
      assert.throws(() => changeLines(from, parseZoneConfig(text)), code('guest-definition'));
  });
});

describe('zones: what a form means', () => {
  const form = (more: object = {}) => ({
    ...{ name: 'web1', vcpus: 2, memoryMiB: 512, title: 'The "shop"', brand: 'sparse', nics: [], disks: [] },
    ...more,
  });
  const plan = (more: object = {}) => planOf({ name: 'web1', config: configOf(form(more), PLACES) }, ZONES);

  it('is a definition that says all, by which the zone is made again', () => {
    const nics = ['bridge=sk-grid,mac=52:54:00:63:00:0c,ip=10.1.2.3/24,gateway=10.1.2.1,mtu=1450', 'bridge=e1000g0'];
    const config = configOf(form({ nics }), PLACES);
    const again = planOf(parseDefinition(definitionText('web1', config)), ZONES);
    assert.deepEqual(again, planOf({ name: 'web1', config }, ZONES));
    assert.deepEqual(again.vnics[0], {
      link: 'zn52540063000c_0',
      over: 'sk_grid_0',
      mac: '52:54:00:63:00:0c',
      mtu: 1450,
    });
    assert.equal(again.vnics[1]?.over, 'e1000g0');
    assert.match(again.vnics[1]?.mac ?? '', /^02:/);
    assert.equal(again.brand.word, 'sparse');
  });

  it('holds a zone of its own links to its address, and tells it of its way out', () => {
    const { files, config } = plan({ nics: ['bridge=sk-grid,mac=52:54:00:63:00:0c,ip=10.1.2.3/24,gateway=10.1.2.1'] });
    const text = definitionText('web1', config);
    assert.match(
      text,
      /add net\nset physical=zn52540063000c_0\nset allowed-address=10\.1\.2\.3\/24\nset defrouter=10\.1\.2\.1\nend/,
    );
    assert.match(text, /set ip-type=exclusive/);
    assert.deepEqual(files.find(({ path }) => path === '/etc/hostname.zn52540063000c_0')?.text, '10.1.2.3/24\n');
    assert.deepEqual(files.find(({ path }) => path === '/etc/defaultrouter')?.text, '10.1.2.1\n');
  });

  it('has a zone without an address ask for one', () => {
    const paths = plan({ nics: ['bridge=sk-grid,mac=52:54:00:63:00:0c'] }).files.map(({ path }) => path);
    assert.ok(paths.includes('/etc/hostname.zn52540063000c_0') && paths.includes('/etc/dhcp.zn52540063000c_0'));
    assert.ok(!paths.includes('/etc/defaultrouter'));
  });

  it('shares the link of a network, with no route unless one is named', () => {
    const { config, vnics } = plan({ nics: ['shared=sk-grid,ip=10.1.2.9/24'] });
    assert.match(
      definitionText('web1', config),
      /ip-type=shared[\s\S]*add net\nset physical=sks_grid_0\nset address=10\.1\.2\.9\/24\nend/,
    );
    assert.deepEqual(vnics, []);
  });

  it('makes a machine with volumes, attributes and a key', () => {
    const { config, volumes, files, install } = plan({
      ...{
        brand: 'bhyve',
        disks: ['rpool/web1_disk0,32G', 'tank/data'],
        nics: ['bridge=sk-grid,ip=10.1.2.3/24,gateway=10.1.2.1'],
      },
      ...{ sshKey: 'ssh-ed25519 AAAA me@here', resolvers: ['192.0.2.53'] },
    });
    const text = definitionText('web1', config);
    assert.deepEqual(volumes, [{ volume: 'rpool/web1_disk0', size: '32G' }]);
    assert.deepEqual(install, []);
    for (const [name, value] of Object.entries({
      ...{ bootdisk: 'rpool/web1_disk0', disk0: 'tank/data', vcpus: '2', ram: '512M', bootrom: 'BHYVE_RELEASE' },
      ...{ 'cloud-init': 'on', resolvers: '192.0.2.53', sshkey: '/sshkey.pub' },
    }))
      assert.ok(text.includes(`set name=${name}\nset type=string\nset value=${value}\n`), name);
    assert.match(text, /add device\nset match=\/dev\/zvol\/rdsk\/tank\/data\nend/);
    assert.deepEqual(files, [{ path: '/sshkey.pub', text: 'ssh-ed25519 AAAA me@here\n' }]);
    assert.ok(!text.includes('capped'), 'a machine is given its CPUs and memory');
  });

  it('tells the installer of each brand what it wants', () => {
    const args = (brand: string, image?: string) => plan({ brand, image, ...(brand === 'lx' ? {} : {}) }).install;
    assert.deepEqual(args('sparse'), []);
    assert.deepEqual(args('lx', '/images/debian.tar.gz'), ['-t', '/images/debian.tar.gz']);
    assert.deepEqual(args('alien', '/images/omnios.iso'), ['-i', '/images/omnios.iso']);
    assert.deepEqual(args('s10', '/images/s10.flar'), ['-u', '-a', '/images/s10.flar']);
    assert.throws(() => args('lx'), code('guest-definition'));
    assert.match(definitionText('web1', configOf(form({ brand: 'lx' }), PLACES)), /name=kernel-version/);
  });

  it('writes what a Solaris 10 zone asks for', () => {
    const { files } = plan({ brand: 's10', image: '/i', nics: ['bridge=sk-grid,ip=10.1.2.3/20,gateway=10.1.2.1'] });
    const text = files.find(({ path }) => path === '/etc/sysidcfg')?.text ?? '';
    assert.match(
      text,
      /hostname=web1\n {2}ip_address=10\.1\.2\.3\n {2}netmask=255\.255\.240\.0\n {2}default_route=10\.1\.2\.1\n/,
    );
    assert.ok(!/root_password=[^*]/.test(text), 'nobody has a password that others know');
  });

  it('is refused with what is wrong with it', () => {
    const bad = [
      { nics: [''] },
      { nics: ['wire=7'] },
      { nics: ['bridge=a,shared=b'] },
      { nics: ['shared=sk-grid'] },
      { nics: ['bridge=sk-a,ip=10.1.2.3'] },
      { nics: ['bridge=sk-a', 'shared=sk-b,ip=10.0.0.1/8'] },
      { nics: ['bridge=sk-a,mac=1:2:3:4:5:6'] },
      { nics: ['bridge=sk-a,target=a_b'] },
      { nics: ['bridge=-x'] },
      { nics: ['bridge=sk-a,bridge=sk-b'] },
      { disks: ['rpool/a'] },
      { brand: 'bhyve', disks: ['../x'] },
      { brand: 'bhyve', disks: ['rpool/a,lots'] },
      { brand: 'bhyve', nics: ['shared=sk-a,ip=10.0.0.1/8'] },
      { brand: 'router' },
      { brand: 'none' },
    ];
    for (const more of bad) assert.throws(() => plan(more), code('guest-definition'), JSON.stringify(more));
    const given = GuestForm.parse({ name: 'web1', kernel: '/boot/k' });
    assert.throws(() => definitionOf(given, PLACES), code('guest-definition'));
  });

  it('refuses a definition of a name or a path that is none', () => {
    for (const name of ['', 'global', 'SUNWx', '-z', 'a b', '../x', 'a/b', 'x'.repeat(64)])
      assert.throws(() => parseDefinition(`create -b\nset zonename="${name}"\n`), code('guest-definition'), name);
    for (const path of ['a', '/', '/a/../b', '/a/./b', '/a b', '//a'])
      assert.throws(
        () => planOf(parseDefinition(`create -b\nset zonename=a\nset zonepath="${path}"`), ZONES),
        code('guest-definition'),
        path,
      );
  });

  it('knows the row of a zone by its brand as each system lists it', () => {
    for (const brand of BRANDS)
      for (const listed of brand.listed)
        assert.equal(brandIn(parseZoneConfig(`create -b\nset brand=${listed}`)).word, brand.word);
    assert.equal(brandIn(parseZoneConfig('create -b\nset brand=ipkg')).word, 'other');
  });
});

describe('zones: links of a zone', () => {
  const vnic = { link: 'sk52540063000c_0', over: 'sk_grid_0', mac: '52:54:00:63:00:0c', mtu: 1450 };
  const bare = parseZoneConfig('create -b\nset zonepath=/export/zones/a\nset ip-type=exclusive');

  it('come and go by their MAC', () => {
    const given = withVnic(bare, vnic);
    assert.deepEqual(vnicsIn(given), [vnic]);
    assert.deepEqual(vnicsIn(withVnic(given, { ...vnic, mtu: 9000 })), [{ ...vnic, mtu: 9000 }]);
    assert.deepEqual(vnicsIn(withVnic(given, { ...vnic, link: 'tap7_0' })), [{ ...vnic, link: 'tap7_0' }]);
    assert.deepEqual(withoutMac(given, vnic.mac), bare);
  });

  it('are no others than they say', () => {
    for (const value of [
      '',
      'over=a',
      'over=a;b,mac=52:54:00:63:00:0c,mtu=1450',
      'over=a,mac=53:54:00:63:00:0c,mtu=1450',
    ])
      assert.throws(
        () =>
          vnicsIn(
            parseZoneConfig(
              `create -b\nadd attr\nset name=skerry.vnic.x_0\nset type=string\nset value="${value}"\nend`,
            ),
          ),
        code('guest-definition'),
        value,
      );
  });

  it('are new ones in a clone, which has none that Skerry gave', () => {
    const own = configOf(
      { name: 'web1', vcpus: 1, memoryMiB: 64, brand: 'sparse', nics: ['bridge=sk-grid,ip=10.1.2.3/24'], disks: [] },
      PLACES,
    );
    const clone = cloneConfig(withVnic(own, vnic), 'web2', ZONES);
    const [one, ...others] = vnicsIn(clone);
    assert.deepEqual(others, []);
    assert.notEqual(one?.mac, vnicsIn(own)[0]?.mac);
    const text = definitionText('web2', clone);
    assert.ok(text.includes(`set physical=${one?.link}\nend`), 'without the address of the other');
    assert.ok(!text.includes('10.1.2.3'));
    assert.ok(!text.includes('52540063000c') && text.includes('set zonepath=/export/zones/web2'));
    const shared = parseZoneConfig(
      'create -b\nset ip-type=shared\nset autoboot=true\nadd net\nset physical=e1000g0\nset address=10.1.2.3/24\nend',
    );
    const other = definitionText('web2', cloneConfig(shared, 'web2', ZONES));
    assert.ok(!other.includes('10.1.2.3') && !other.includes('autoboot=true'), other);
  });
});
