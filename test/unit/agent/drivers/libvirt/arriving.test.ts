import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Ground } from '#agent/drivers/libvirt/ground.ts';
import { test } from '#agent/drivers/libvirt/hypervisors/test.ts';
import { landGuest } from '#agent/drivers/libvirt/migration/arriving.ts';
import { writeAwaited } from '#agent/drivers/libvirt/migration/ledger.ts';
import { turns } from '#shared/turns.ts';

const ID = '0a000000-0000-4000-8000-000000000001';
const MOVE = 'f'.repeat(40);

describe('agent/drivers/libvirt: a guest that came, and is said to have stayed', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'skerry-arriving-'));
    await writeFile(join(folder, 'web.qcow2'), 'what was written since');
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  /** The host that it was to come to, where it is in this state by now. */
  const hostWith = (domstate: string) => {
    const changed: string[] = [];
    const answers: Readonly<Record<string, string>> = {
      dominfo: `${'Name:'.padEnd(16)}web\nUUID: ${ID}\nCPU(s): 1\nMax memory: 1024 KiB\nAutostart: disable\nPersistent: yes\n`,
      domstate,
    };
    const ground = {
      virsh: {
        read: async ([word = '']: readonly string[]) => answers[word] ?? '',
        slow: async ([word = '']: readonly string[]) => {
          changed.push(word);
          return '';
        },
      },
      ...{ hypervisor: test, host: 'here', root: folder, stateFolder: folder, inTurn: turns() },
      log: { debug() {}, info() {}, warn() {} },
    } as unknown as Ground;
    const land = async (): Promise<void> => {
      await writeAwaited(ground, ID, { name: 'web', move: MOVE, runs: true, autostart: false, files: ['/web.qcow2'] });
      await landGuest(ground, ID, { move: MOVE, outcome: 'stayed' }, new AbortController().signal);
    };
    return { changed, land };
  };

  for (const domstate of ['running (booted)', 'shut off (shutdown)'])
    it(`is left alone, with its disks, where somebody had it run: ${domstate}`, async () => {
      const { changed, land } = hostWith(domstate);
      await assert.rejects(land(), { code: 'guest-wrong-state' });
      assert.deepEqual(changed, []);
      assert.ok(existsSync(join(folder, 'web.qcow2')));
    });
});
