import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'mocha';
import type { Work } from '#agent/drivers/driver.ts';
import { configOf, settingOf, settingsIn } from '#agent/drivers/lxc/config-text.ts';
import { defineGuest, deleteGuest } from '#agent/drivers/lxc/defining.ts';
import { consoleLog, type Ground, startLog } from '#agent/drivers/lxc/ground.ts';
import { configOfClone, createGuest } from '#agent/drivers/lxc/making.ts';
import { zoneIndex } from '#agent/drivers/lxc/zone-index.ts';
import { type Command, run } from '#agent/exec/run.ts';
import { Failure } from '#shared/errors.ts';
import { GuestRecipe } from '#shared/model/guest.ts';
import { turns } from '#shared/turns.ts';

/** A member of a tar archive; `type` as ustar has it: `0` a file, `1` a hard link, `2` a symbolic link. */
interface Member {
  name: string;
  type: '0' | '1' | '2';
  link?: string;
  text?: string;
}

/** Source: pax(1), the ustar format */
function tarOf(members: readonly Member[]): Buffer {
  const blocks = members.flatMap(({ name, type, link = '', text = '' }) => {
    const head = Buffer.alloc(512);
    const size = text.length.toString(8).padStart(11, '0');
    head.write(name, 0);
    head.write('0000666\x000000000\x000000000', 100);
    head.write([size, '00000000000', `${' '.repeat(8)}${type}${link}`].join('\0'), 124);
    head.write('ustar\x0000', 257);
    const sum = head.reduce((total, byte) => total + byte, 0);
    head.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    const body = Buffer.alloc(Math.ceil(text.length / 512) * 512);
    body.write(text);
    return [head, body];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1_024)]);
}

describe('agent/drivers/lxc: making zones', () => {
  let work: Work;
  /** Beside the folder of zones: what is not theirs. */
  let outside: string;
  let folder: string;
  let images: string;
  let ground: Ground;

  beforeEach(async () => {
    work = { signal: AbortSignal.timeout(60_000), progress: () => {} };
    outside = await mkdtemp(join(tmpdir(), 'skerry-lxc-making-'));
    [folder, images] = [join(outside, 'zones'), join(outside, 'images')];
    await Promise.all([mkdir(folder), mkdir(images)]);
    const own = async (command: Command, signal: AbortSignal): Promise<string> =>
      command.file === 'lxc-info' ? 'State: STOPPED\n' : run(command, signal);
    ground = {
      ...{ folder, logFolder: join(outside, 'logs'), host: 'here', run: own, inTurn: turns() },
      ...{ zones: zoneIndex({ folder, host: 'here' }), cgroups: { memory: 2, cpu: 2, cpuset: 2 } },
    } as unknown as Ground;
  });
  afterEach(() => rm(outside, { recursive: true, force: true }));

  const make = (image: string) =>
    createGuest(ground, images, GuestRecipe.parse({ name: 'web', image, nics: [] }), work);
  /** What stands outside when a zone was made of an archive with those members, or refused. */
  const harm = async (members: readonly Member[]): Promise<{ refused: boolean; said: string }> => {
    await writeFile(join(outside, 'precious'), 'precious');
    await writeFile(join(images, 'hostile.tar'), tarOf(members));
    const refused = await make('hostile.tar').then(
      () => false,
      (error: unknown) => {
        if (!(error instanceof Failure)) throw error;
        return true;
      },
    );
    assert.deepEqual((await readdir(outside)).toSorted(), ['images', 'precious', 'zones']);
    assert.equal((await stat(join(outside, 'precious'))).nlink, 1, 'nobody else has it');
    return { refused, said: await readFile(join(outside, 'precious'), 'utf8') };
  };

  it('writes nothing outside the root, whatever names, links and files an archive has', async () => {
    const precious = join(outside, 'precious');
    const up = '../../../precious';
    const archives: readonly Member[][] = [
      [{ name: precious, type: '0', text: 'harmed' }],
      [{ name: up, type: '0', text: 'harmed' }],
      [{ name: `a/../${up}`, type: '0', text: 'harmed' }],
      [
        { name: 'out', type: '2', link: outside },
        { name: 'out/precious', type: '0', text: 'harmed' },
      ],
      [
        { name: 'out', type: '2', link: '../../..' },
        { name: 'out/precious', type: '0', text: 'harmed' },
        { name: 'out/new', type: '0', text: 'harmed' },
      ],
      [
        { name: 'file', type: '2', link: precious },
        { name: 'file', type: '0', text: 'harmed' },
      ],
      [
        { name: 'hard', type: '1', link: precious },
        { name: 'hard', type: '0', text: 'harmed' },
      ],
      [{ name: 'hard', type: '1', link: up }],
      [
        { name: 'out', type: '2', link: outside },
        { name: 'hard', type: '1', link: 'out/precious' },
      ],
    ];
    for (const members of archives) {
      const { said, refused } = await harm(members);
      assert.equal(said, 'precious', JSON.stringify(members));
      const [zone] = await ground.zones.list();
      assert.equal(zone === undefined, refused, 'a zone, or a refusal');
      await rm(join(folder, 'web'), { recursive: true, force: true });
    }
  });

  it('copies what a folder has, and follows no link that leads out of it', async () => {
    const tree = join(images, 'tree');
    await writeFile(join(outside, 'secret'), 'secret');
    await mkdir(join(tree, 'etc'), { recursive: true });
    await symlink(join(outside, 'secret'), join(tree, 'etc/hostname'));
    await symlink(outside, join(tree, 'out'));
    await make('tree');
    const root = join(folder, 'web/rootfs');
    assert.equal(await readlink(join(root, 'etc/hostname')), join(outside, 'secret'));
    assert.equal(await readlink(join(root, 'out')), outside);
  });

  it('gives a zone that is made where one of its name was deleted an id of its own', async () => {
    const root = join(folder, 'web/rootfs');
    await mkdir(root, { recursive: true });
    await mkdir(ground.logFolder);
    const definition = `lxc.uts.name = web\nlxc.rootfs.path = dir:${root}\n`;
    const define = (replace = false) => defineGuest(ground, definition, replace, work.signal);
    const first = await define();
    assert.equal((await define(true)).id, first.id, 'one whose definition is changed is the same');
    await deleteGuest(ground, first.id, work.signal);
    const second = await define();
    assert.notEqual(second.id, first.id);
    assert.equal(await ground.zones.nameOf(second.id), 'web');
    await assert.rejects(ground.zones.nameOf(first.id), Failure);
    await deleteGuest(ground, second.id, work.signal);
    assert.deepEqual(await readdir(join(folder, 'web')), ['rootfs']);
    await mkdir(join(images, 'tree'));
    const third = await make('tree');
    assert.equal(new Set([first.id, second.id, third.id]).size, 3);
    assert.equal(await zoneIndex({ folder, host: 'here' }).idOf('web'), third.id, 'it is so after a restart');
  });

  it('keeps the log of each zone where no other has its own, whatever their names are', () => {
    const names = ['web', 'web-console', 'web.console', 'web-console.log', 'web.log', 'web.console.log'];
    const logs = names.flatMap((name) => [
      ...[startLog(ground, name), consoleLog(ground, name), `${consoleLog(ground, name)}.1`],
      // Where LXC's own tools log to.
      ...[join(ground.logFolder, `${name}.log`)].filter((log) => log !== startLog(ground, name)),
    ]);
    assert.equal(new Set(logs).size, logs.length, logs.join(' '));
  });

  it('gives a clone nothing that two cannot have, and does not start it by itself', () => {
    const origin = configOf(
      [
        ...['lxc.uts.name = web', 'lxc.start.auto = 1', 'lxc.start.order = 5', 'lxc.group = onboot'],
        ...['lxc.net.0.type = veth', 'lxc.net.0.link = br0', 'lxc.net.0.hwaddr = 52:54:00:00:00:01'],
        ...['lxc.net.0.veth.pair = webe', 'lxc.net.0.ipv4.address = 10.0.0.2/24', 'lxc.net.0.ipv4.gateway = 10.0.0.1'],
        ...['lxc.net.0.ipv6.address = 2001:db8::2/64', 'lxc.net.0.ipv6.gateway = auto', 'lxc.net.0.mtu = 1400'],
        ...['lxc.net.1.type = veth', 'lxc.net.1.link = br1', 'lxc.net.1.veth.pair = without-mac'],
      ].join('\n'),
    );
    const clone = configOfClone(ground, origin, 'web', 'copy');
    const keys = settingsIn(clone).map(({ key }) => key);
    assert.deepEqual(
      keys.filter((key) => /ipv[46]|veth\.pair|start\.auto/.test(key)),
      [],
    );
    const mac = settingOf(clone, 'lxc.net.0.hwaddr') ?? '';
    assert.match(mac, /^52:54:00(:[0-9a-f]{2}){3}$/);
    assert.notEqual(mac, '52:54:00:00:00:01');
    for (const key of ['lxc.start.order', 'lxc.group', 'lxc.net.0.link', 'lxc.net.0.mtu', 'lxc.net.1.link'])
      assert.equal(settingOf(clone, key), settingOf(origin, key), key);
  });
});
