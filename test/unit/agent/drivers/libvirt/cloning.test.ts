import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { cloneGuest } from '#agent/drivers/libvirt/cloning.ts';
import { disksIn } from '#agent/drivers/libvirt/disk-xml.ts';
import type { Ground } from '#agent/drivers/libvirt/ground.ts';
import { qemu } from '#agent/drivers/libvirt/hypervisors/qemu.ts';
import { startGuest } from '#agent/drivers/libvirt/starting.ts';
import { run } from '#agent/exec/run.ts';
import { Failure, type FailureCode } from '#shared/errors.ts';
import { turns } from '#shared/turns.ts';

const { snapshots: _none, ...withoutSnapshots } = qemu;
const ID = '0a000000-0000-4000-8000-000000000001';
const failed = (code: FailureCode) => (error: unknown) => error instanceof Failure && error.code === code;

describe('agent/drivers/libvirt: the original of a linked clone', () => {
  let folder: string;
  /** What libvirt has: definitions by name, and how the original is. */
  let defined: Map<string, string>;
  let runs: boolean;
  /** What happens right after a definition was stored. */
  let afterDefine: () => void;
  /** So many questions are not answered. */
  let failures: number;

  const uuidOf = (text: string): string => /<uuid>(.*)<\/uuid>/.exec(text)?.[1] ?? '';
  const originalFile = (): string => disksIn(defined.get('web') ?? '')[0]?.file ?? '';
  const overlaysIn = async (): Promise<string[]> => (await readdir(folder)).filter((name) => name.includes('.over.'));
  const clone = (linked = true, on = ground()) =>
    cloneGuest(on, folder, ID, { name: 'copy', linked }, { signal: AbortSignal.timeout(60_000), progress: () => {} });

  async function answer([word = '', ...words]: readonly string[]): Promise<string> {
    if (failures-- > 0) throw new Failure('host-timeout', { command: word, timeoutS: 1 });
    const text = [...defined.values()].find((each) => uuidOf(each) === words.at(-1)) ?? '';
    const name = /<name>(.*)<\/name>/.exec(text)?.[1] ?? '';
    if (word === 'list') return Array.from(defined, ([each, xml]) => `${uuidOf(xml)} ${each}`).join('\n');
    if (word === 'dumpxml') return text;
    if (word === 'domstate') return runs && name === 'web' ? 'running (booted)' : 'shut off (shutdown)';
    if (word === 'desc') return '';
    if (word === 'dominfo')
      return `${'Name:'.padEnd(16)}${name}\nUUID: ${uuidOf(text)}\nCPU(s): 1\nMax memory: 1024 KiB\nAutostart: disable\nPersistent: yes\n`;
    throw new Error(`not asked for: ${word}`);
  }
  const define = async ([word, file = '']: readonly string[]): Promise<string> => {
    if (word === 'start') return '';
    if (word === 'undefine') {
      for (const [name, text] of defined) if (uuidOf(text) === file) defined.delete(name);
      return '';
    }
    const text = await readFile(file, 'utf8');
    defined.set(/<name>(.*)<\/name>/.exec(text)?.[1] ?? '', text);
    afterDefine();
    return '';
  };
  const ground = (): Ground =>
    ({
      ...{
        virsh: { read: answer, slow: define },
        hypervisor: { ...withoutSnapshots, undefineFlags: [] },
        stateFolder: folder,
        root: '',
        host: 'here',
      },
      ...{ inTurn: turns(), log: { debug() {}, info() {}, warn() {} } },
    }) as unknown as Ground;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'skerry-clone-unit-'));
    const base = join(folder, 'base.qcow2');
    await run(
      { file: 'qemu-img', args: ['create', '-q', '-f', 'qcow2', base, '1M'], timeoutMs: 20_000 },
      AbortSignal.timeout(20_000),
    );
    const disk = `<disk type="file" device="disk"><driver name="qemu" type="qcow2"/><source file="${base}"/><target dev="vda"/></disk>`;
    defined = new Map([
      ['web', `<domain type="kvm"><name>web</name><uuid>${ID}</uuid><devices>${disk}</devices></domain>`],
    ]);
    [runs, failures, afterDefine] = [false, 0, () => {}];
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('has what it had where the clone comes to nothing, and no file of the attempt is left', async () => {
    afterDefine = () => {
      // How it is, is one question in three.
      failures = 3;
      afterDefine = () => {};
    };
    await assert.rejects(clone(), failed('host-timeout'));
    assert.equal(originalFile(), join(folder, 'base.qcow2'));
    assert.deepEqual(await overlaysIn(), []);
  });

  it('keeps its own files where nobody can say whether it uses them', async () => {
    afterDefine = () => {
      failures = Number.POSITIVE_INFINITY;
    };
    await assert.rejects(clone(), failed('host-timeout'));
    assert.ok((await overlaysIn()).includes(originalFile().slice(folder.length + 1)), originalFile());
  });

  it('goes on where the clone was called off when it was there already, and of the clone nothing is left', async () => {
    afterDefine = () => {
      if (defined.has('copy')) throw new DOMException('called off', 'AbortError');
    };
    await assert.rejects(clone(), { name: 'AbortError' });
    assert.deepEqual([...defined.keys()], ['web']);
    assert.deepEqual(await overlaysIn(), [originalFile().slice(folder.length + 1)]);
  });

  it('is refused, linked or not, where its disk hangs on what is no file', async () => {
    const over = ['-u', '-b', 'nbd://127.0.0.1:10809/x', '-F', 'raw', join(folder, 'base.qcow2'), '1M'];
    const args = ['create', '-q', '-f', 'qcow2', ...over];
    await run({ file: 'qemu-img', args, timeoutMs: 20_000 }, AbortSignal.timeout(20_000));
    for (const linked of [true, false]) await assert.rejects(clone(linked), failed('clone-unfit'));
    assert.deepEqual([...defined.keys()], ['web']);
    assert.deepEqual(await overlaysIn(), []);
  });

  it('may run already, on its own files', async () => {
    afterDefine = () => {
      runs = true;
    };
    await clone();
    assert.equal((await overlaysIn()).length, 2);
    assert.match(originalFile(), /web-.*\.over\.qcow2$/);
    assert.match(disksIn(defined.get('copy') ?? '')[0]?.file ?? '', /copy-.*\.over\.qcow2$/);
  });

  it('is not put back on the files of before by a start that hands parameters over meanwhile', async () => {
    const on = ground();
    const { promise: mayGoOn, resolve: goOn } = Promise.withResolvers<void>();
    const line = on.inTurn;
    let asked = 0;
    on.inTurn = (key, work) => {
      if (++asked === 2) goOn();
      return line(key, work);
    };
    on.virsh.read = async (words) => {
      const text = await answer(words);
      const isForStart = words[0] === 'dumpxml' && words.includes('--security-info') && !words.includes('--inactive');
      if (isForStart) await mayGoOn;
      return text;
    };
    const started = startGuest(on, ID, false, [{ name: 'role', value: 'web' }], AbortSignal.timeout(60_000));
    await clone(true, on).finally(goOn);
    await started;
    assert.match(originalFile(), /web-.*\.over\.qcow2$/);
    assert.match(defined.get('web') ?? '', /role/);
  });

  it('is refused where a device of its disks is no name for a file', async () => {
    defined.set('web', (defined.get('web') ?? '').replace('dev="vda"', 'dev="vda/../../x"'));
    for (const linked of [true, false]) await assert.rejects(clone(linked), failed('clone-unfit'));
    assert.deepEqual(await readdir(folder), ['base.qcow2']);
  });
});
