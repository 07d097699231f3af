import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { environmentOf, isStartedBySkerry, parametersIn } from '#agent/drivers/boot-environment.ts';
import { haltSignal, rebootSignal } from '#agent/drivers/init-signals.ts';
import { countsSwap } from '#agent/drivers/lxc/cgroups.ts';
import { checkedConfig, configOf, configText, settingOf, withValue } from '#agent/drivers/lxc/config-text.ts';
import {
  cpusInList,
  limitsOf,
  memoryLimit,
  sizeOf,
  swapLimit,
  vcpuLimit,
  withLimit,
} from '#agent/drivers/lxc/limits.ts';
import { messageOfState } from '#agent/drivers/lxc/monitor.ts';
import { freeName, nicsIn, withNic, withoutNic } from '#agent/drivers/lxc/nic-config.ts';
import { definitionOfForm } from '#agent/drivers/lxc/short-form.ts';
import { definitionText, nameIn, titleIn, withAutostart, withTitle } from '#agent/drivers/lxc/zone-config.ts';
import { Failure } from '#shared/errors.ts';
import { GuestForm } from '#shared/model/guest.ts';
import { NicWanted } from '#shared/model/nic.ts';

const isRefused = (error: unknown) => error instanceof Failure && error.code === 'guest-definition';
const TEXT = `# a zone of somebody's
lxc.uts.name = "web"
 lxc.start.auto=1
lxc.net.0.type = veth
lxc.net.0.link = br0
lxc.net.0.hwaddr = 52:54:00:63:00:0C

lxc.cgroup.memory.limit_in_bytes = 64M
`;
const wanted = (more: object = {}) =>
  NicWanted.parse({ mac: '52:54:00:63:00:0d', bridge: 'sk-lan', link: 'sk52540063000d', mtu: 1450, ...more });

describe('agent/drivers/lxc: configurations', () => {
  const config = configOf(TEXT);
  const line = fc.oneof(
    fc.constantFrom(
      '',
      '# comment',
      'lxc.uts.name = x',
      'lxc.net.0.type = veth',
      'skerry.title = t',
      'lxc.idmap = u 0 1 2',
    ),
    fc.string().filter((text) => !text.includes('\n')),
  );

  it('keep every line that is not changed', () => {
    assert.equal(configText(config), TEXT);
    fc.assert(
      fc.property(fc.array(line, { minLength: 1 }), fc.stringMatching(/^[a-z ]{1,9}$/), (lines, value) => {
        const others = lines.filter((each) => settingOf([each], 'skerry.x') === undefined);
        const changed = withValue(withValue(others, 'skerry.x', value), 'skerry.x', undefined);
        assert.deepEqual(changed, others.length === 1 && others[0] === '' ? [] : others);
      }),
    );
  });

  it('say what was set last, without the quotes that LXC takes off, and nothing once it was taken back', () => {
    assert.equal(settingOf(config, 'lxc.uts.name'), 'web');
    assert.equal(settingOf(configOf('lxc.a = 1\nlxc.a = 2\n'), 'lxc.a'), '2');
    assert.equal(settingOf(configOf('lxc.a = 1\nlxc.a =\n'), 'lxc.a'), undefined);
    assert.equal(settingOf(configOf('skerry.title = "quoted"\n'), 'skerry.title'), '"quoted"');
  });

  it('are refused where a line is none, and it is named', () => {
    assert.throws(() => checkedConfig('lxc.uts.name = x\nnonsense\n'), /line 2/);
    for (const text of ['<domain', '{', '[]', 'a = b\0']) assert.throws(() => checkedConfig(text), isRefused, text);
  });

  it('name their zone, and never by what is no name of a folder', () => {
    assert.equal(nameIn(config), 'web');
    assert.equal(nameIn(withValue(config, 'skerry.name', 'hôte ☃')), 'hôte ☃');
    for (const name of ['..', '.', 'a/b', 'x'.repeat(201)])
      assert.throws(() => nameIn([`skerry.name = ${name}`]), isRefused, name);
    assert.throws(() => nameIn(['lxc.start.auto = 1']), isRefused);
    assert.equal(definitionText('web', config), TEXT);
    assert.equal(nameIn(configOf(definitionText('copy', config))), 'copy');
  });

  it('hold titles and the start with the host', () => {
    assert.equal(titleIn(withTitle(config, `It's "so" & ☃`)), `It's "so" & ☃`);
    assert.equal(titleIn(withTitle(withTitle(config, 'x'), '')), undefined);
    assert.equal(settingOf(withAutostart(config, false), 'lxc.start.auto'), undefined);
    assert.throws(() => withTitle(config, 'a\nlxc.hook.start = /bin/x'), isRefused);
  });

  it('hold limits in the words of the version that the host has, and those of the other say nothing', () => {
    const one = { memory: 1, cpu: 1, cpuset: 1 } as const;
    const two = { memory: 2, cpu: 2, cpuset: 2 } as const;
    assert.deepEqual(limitsOf(config, one), { memoryBytes: 64 * 2 ** 20 });
    assert.deepEqual(limitsOf(config, two), {});
    for (const versions of [one, two])
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 512 }), fc.integer({ min: 16, max: 2 ** 24 }), (vcpus, memoryMiB) => {
          const limited = [vcpuLimit(vcpus, versions), memoryLimit(memoryMiB, versions)].reduce(withLimit, config);
          assert.deepEqual(limitsOf(limited, versions), { vcpus, memoryBytes: memoryMiB * 2 ** 20 });
        }),
      );
    const odd = configOf('lxc.cgroup.cpu.cfs_quota_us = 75000\nlxc.cgroup.cpu.cfs_period_us = 50000\n');
    assert.equal(limitsOf(odd, one).vcpus, 2);
    assert.equal(limitsOf(withLimit(odd, vcpuLimit(3, one)), one).vcpus, 3, 'the period of before is gone');
    assert.equal(
      limitsOf(configOf('lxc.cgroup2.cpu.max = max 100000\nlxc.cgroup2.cpuset.cpus = 0-2,5\n'), two).vcpus,
      4,
    );
  });

  it('limit swap too where the host counts it, and leave what a zone was let swap', () => {
    const one = { memory: 1, cpu: 1, cpuset: 1, swap: true } as const;
    const two = { memory: 2, cpu: 2, cpuset: 2, swap: true } as const;
    for (const versions of [one, two]) assert.equal(swapLimit(64, { ...versions, swap: false }, config), undefined);
    assert.deepEqual(swapLimit(64, two), {
      ...{ key: 'lxc.cgroup2.memory.swap.max', file: 'memory.swap.max', value: '0' },
    });
    for (const said of ['0', '1G', 'max'])
      assert.equal(swapLimit(64, two, configOf(`lxc.cgroup2.memory.swap.max = ${said}\n`)), undefined, said);
    const memsw = 'lxc.cgroup.memory.memsw.limit_in_bytes';
    assert.deepEqual(swapLimit(64, one, config), {
      ...{ key: memsw, file: 'memory.memsw.limit_in_bytes', value: `${64 * 2 ** 20}` },
    });
    const letSwap = (memory: string, both: string) =>
      configOf(`lxc.cgroup.memory.limit_in_bytes = ${memory}\n${memsw} = ${both}\n`);
    assert.equal(swapLimit(128, one, letSwap('64M', '64M'))?.value, `${128 * 2 ** 20}`);
    assert.equal(swapLimit(128, one, letSwap('64M', '96M'))?.value, `${160 * 2 ** 20}`);
    assert.equal(swapLimit(32, one, letSwap('64M', '96M'))?.value, `${64 * 2 ** 20}`);
    assert.equal(swapLimit(128, one, letSwap('64M', '-1')), undefined);
    assert.equal(swapLimit(128, one, letSwap('-1', '96M'))?.value, `${128 * 2 ** 20}`);
  });

  it('know by its files whether the host counts swap', async () => {
    const root = await mkdtemp(join(tmpdir(), 'skerry-cgroups-'));
    try {
      const has = async (...path: string[]): Promise<void> => {
        await mkdir(join(root, ...path.slice(0, -1)), { recursive: true });
        await writeFile(join(root, ...path), '');
      };
      await has('memory', 'memory.limit_in_bytes');
      await has('unified', 'init.scope', 'memory.max');
      assert.deepEqual([await countsSwap(1, root), await countsSwap(2, root)], [false, false]);
      await has('memory', 'memory.memsw.limit_in_bytes');
      assert.deepEqual([await countsSwap(1, root), await countsSwap(2, root)], [true, false]);
      await has('unified', 'init.scope', 'memory.swap.max');
      assert.equal(await countsSwap(2, root), true);
      await rm(join(root, 'unified'), { recursive: true });
      await has('system.slice', 'memory.swap.max');
      assert.equal(await countsSwap(2, root), true);
    } finally {
      await rm(root, { recursive: true });
    }
  });

  it('read sizes and lists of processors as the kernel writes them', () => {
    assert.deepEqual(['max', '-1', '9223372036854771712', '', undefined].map(sizeOf), Array(5).fill(undefined));
    assert.deepEqual(['1024', '1k', '2M', '1G'].map(sizeOf), [1024, 1024, 2 ** 21, 2 ** 30]);
    assert.deepEqual(['', '\n', '0', '0-3', '1,3-4'].map(cpusInList), [undefined, undefined, 1, 4, 3]);
    assert.equal(cpusInList('many'), undefined);
  });

  it('have interfaces, each of a number, which come and go one by one', () => {
    assert.deepEqual(nicsIn(config), [{ mac: '52:54:00:63:00:0c', kind: 'bridge', source: 'br0', model: 'veth' }]);
    const both = withNic(config, wanted(), 'eth1');
    assert.equal(nicsIn(both).length, 2);
    assert.deepEqual(withNic(both, wanted(), 'eth1'), both);
    assert.deepEqual(nicsIn(withNic(both, wanted({ mtu: 9000 }), 'eth1'))[1]?.mtu, 9000);
    assert.deepEqual(withoutNic(both, wanted().mac), config);
    assert.deepEqual(nicsIn(configOf('lxc.net.0.type = empty\n')), []);
    assert.deepEqual(nicsIn(configOf(`${TEXT}lxc.net =\n`)), []);
    assert.equal(freeName(both, ['eth0']), 'eth2');
  });

  it('are made of the short form, which says what it does not take', () => {
    const ground = {
      folder: '/zones',
      logFolder: '/logs',
      cgroups: { memory: 2, cpu: 2, cpuset: 2 } as const,
      idmap: { first: 100_000, count: 65_536 },
    };
    const form = (more: object) => GuestForm.parse({ name: 'web', vcpus: 2, memoryMiB: 192, ...more });
    const made = checkedConfig(definitionOfForm(form({ nics: ['bridge=br0,mac=52:54:00:63:00:0c,mtu=1450'] }), ground));
    assert.equal(settingOf(made, 'lxc.cgroup2.memory.max'), '192M');
    assert.equal(settingOf(made, 'lxc.cgroup2.memory.swap.max'), undefined);
    const counting = { ...ground, cgroups: { ...ground.cgroups, swap: true } };
    assert.equal(settingOf(checkedConfig(definitionOfForm(form({}), counting)), 'lxc.cgroup2.memory.swap.max'), '0');
    assert.equal(settingOf(made, 'lxc.rootfs.path'), 'dir:/zones/web/rootfs');
    assert.equal(settingOf(made, 'lxc.rootfs.options'), 'idmap=container,nodev');
    assert.deepEqual(nicsIn(made), [
      { mac: '52:54:00:63:00:0c', kind: 'bridge', source: 'br0', model: 'veth', mtu: 1450 },
    ]);
    const privileged = definitionOfForm(form({}), { ...ground, idmap: undefined });
    assert.ok(!privileged.includes('idmap'), 'no users of its own where the host has none to give');
    for (const bad of [
      { kernel: '/vmlinuz' },
      { disks: ['/a', '/b'] },
      { disks: ['relative'] },
      { disks: ['/a\nlxc.hook.start = /x'] },
      { nics: ['network=default'] },
      { nics: ['bridge=a\nlxc.hook.start=/x'] },
      { nics: ['bridge=br0,mtu=1'] },
      { nics: ['bridge=br0,mtu=1500,mtu=1500'] },
    ])
      assert.throws(() => definitionOfForm(form(bad), ground), isRefused, JSON.stringify(bad));
  });

  it('hand boot parameters over in the environment, and tell them from all else there', () => {
    const params = [
      { name: 'after.fact', value: '/x' },
      { name: 'odd', value: `it's<so>=&,☃` },
    ];
    const environ = ['PATH=/bin', 'plain=x', ...environmentOf(params), ''].join('\0');
    assert.deepEqual(parametersIn(environ), params);
    assert.ok(isStartedBySkerry(environ));
    assert.deepEqual(parametersIn('PATH=/bin\0plain=x\0'), []);
    assert.ok(!isStartedBySkerry('PATH=/bin\0'));
  });

  it('leave the signal to LXC where the init hears that', () => {
    const status = (...signals: number[]) =>
      `SigCgt:\t${signals
        .reduce((mask, each) => mask | (1n << BigInt(each - 1)), 0n)
        .toString(16)
        .padStart(16, '0')}\n`;
    assert.equal(haltSignal({ exe: '/bin/busybox', status: '' }), 'USR2');
    assert.equal(rebootSignal({ exe: '/bin/busybox', status: '' }), 'TERM');
    assert.equal(haltSignal({ exe: '/lib/systemd/systemd', status: status(15, 37) }), undefined);
    assert.equal(haltSignal({ exe: '/sbin/init', status: status(15, 30) }), undefined);
    assert.equal(haltSignal({ exe: '/usr/sbin/httpd', status: status(15) }), 'TERM');
    assert.equal(haltSignal({ exe: '/bin/cat', status: status() }), undefined);
  });

  it('are watched by a message of the size that LXC reads', () => {
    const message = messageOfState('skerry-1');
    assert.equal(message.length, 264);
    assert.equal(message.readInt32LE(0), 0);
    assert.equal(message.subarray(4, 12).toString(), 'skerry-1');
    assert.equal(message.readInt32LE(260), 3);
  });
});
