import assert from 'node:assert/strict';
import { join } from 'node:path';
import { execa } from 'execa';
import { layoutOf } from '#provisioning/rig/layout.ts';
import { HOSTS } from '#provisioning/rig/plan.ts';
import { type Effect, HOST, run, type Scene } from './effect.ts';

/** In the range that the rig's hosts name; no other test uses it. */
const PORT = 10_812;

const ADDRESS = HOSTS.find(({ name }) => name === HOST)?.address ?? '';

/** In the host, QEMU's own tools, beside Skerry. */
const inHost = ({ rig }: Scene, ...argv: string[]) =>
  execa('nsenter', ['-t', `${rig.part(HOST).pid}`, '-a', '--', ...argv], { timeout: 20_000, reject: false });

/** Whether the export carries what is in the file. */
async function isServed(scene: Scene, uri: string): Promise<boolean> {
  const { exitCode, stdout } = await inHost(scene, 'qemu-io', '-r', '-f', 'raw', '-c', 'read -P 0x5a 0 4k', uri);
  return exitCode === 0 && !stdout.includes('verification failed');
}

/** Do something with a volume that has content, and is not served afterwards. */
const onOne =
  (effect: (scene: Scene, volume: string, uri: string) => Promise<void>): Effect =>
  async (scene) => {
    const volume = `effect-${scene.surface}.raw`;
    const file = join(layoutOf(scene.rig.dir).host(HOST), 'volumes', volume);
    await execa('qemu-img', ['create', '-q', '-f', 'raw', file, '1M']);
    await execa('qemu-io', ['-f', 'raw', '-c', 'write -P 0x5a 0 4k', file]);
    const uri = `nbd://${ADDRESS}:${PORT}/${volume}`;
    assert.ok((await scene.ask('volume.export', { volume, port: PORT })).includes(uri));
    try {
      await effect(scene, volume, uri);
    } finally {
      await run(scene, 'volume.unexport', { volume });
    }
  };

/** Verbs of volumes. */
export const volumeEffects = {
  'volume.list': onOne(async (scene, volume, uri) => {
    const answer = await scene.ask('volume.list', {});
    assert.ok(answer.includes(volume) && answer.includes(uri), answer);
  }),
  'volume.info': onOne(async (scene, volume, uri) => {
    const answer = await scene.ask('volume.info', { volume });
    assert.ok(answer.includes(uri), answer);
  }),
  'volume.export': onOne(async (scene, _volume, uri) => {
    assert.ok(await isServed(scene, uri));
  }),
  'volume.unexport': onOne(async (scene, volume, uri) => {
    assert.ok(await isServed(scene, uri));
    await scene.ask('volume.unexport', { volume });
    assert.ok(!(await isServed(scene, uri)));
  }),
} satisfies Readonly<Record<string, Effect>>;
