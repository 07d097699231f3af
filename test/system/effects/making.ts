import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { layoutOf } from '#provisioning/rig/layout.ts';
import type { Job } from '#shared/model/job.ts';
import { until } from '../support/until.ts';
import { boot, type Effect, GUEST, HOST, jobIn, namesOf, remove, run, type Scene } from './effect.ts';

const exec = promisify(execFile);

/** Wait for a job that an answer names. @returns how it ended */
async function ended(scene: Scene, answer: string): Promise<Job> {
  const job = jobIn(answer);
  return until(`job ${job} has ended`, async () => {
    const now = (await run(scene, 'job.info', { job })) as Job;
    return now.state === 'running' ? undefined : now;
  });
}

/** A guest of HOST that has a disk, made of an image by Skerry; off. */
async function withDisk(scene: Scene, name: string): Promise<void> {
  const image = join(layoutOf(scene.rig.dir).host(HOST), 'images', 'blank.qcow2');
  if (!existsSync(image)) await exec('qemu-img', ['create', '-q', '-f', 'qcow2', image, '16M']);
  const { outcome, progress } = await ended(scene, await scene.ask('guest.create', { name, image: 'blank.qcow2' }));
  assert.equal(outcome, 'done', progress);
}

const diskOf = async ({ virsh }: Scene, name: string): Promise<string> =>
  /source file='([^']+)'/.exec(await virsh('dumpxml', '--inactive', name))?.[1] ?? '';
const snapshotsOf = async ({ virsh }: Scene, name: string): Promise<string[]> =>
  (await virsh('snapshot-list', name, '--name')).split('\n').filter(Boolean);

/** Do something with a guest that has a disk, which is gone afterwards. */
const onOne =
  (effect: (scene: Scene, name: string) => Promise<void>): Effect =>
  async (scene) => {
    const name = `whole-${scene.surface}`;
    await withDisk(scene, name);
    try {
      await effect(scene, name);
    } finally {
      await scene.virsh('undefine', '--snapshots-metadata', name);
    }
  };

/** Verbs that make guests and keep them. */
export const makingEffects = {
  'guest.exec': async (scene) => {
    await boot(scene);
    const answer = await scene.ask('guest.exec', { guest: GUEST, command: 'uname' });
    assert.match(answer, /exit code 0/);
    assert.match(answer, /^(stdout: )?Linux$/m);
  },
  'guest.create': onOne(async (scene, name) => {
    assert.ok((await namesOf(scene)).includes(name));
    assert.ok(existsSync(await diskOf(scene, name)));
  }),
  'guest.clone': onOne(async (scene, name) => {
    const clone = `${name}-2`;
    const { outcome, progress } = await ended(scene, await scene.ask('guest.clone', { guest: name, name: clone }));
    assert.equal(outcome, 'done', progress);
    assert.notEqual(await diskOf(scene, clone), await diskOf(scene, name));
    await remove(scene, clone);
  }),
  'snapshot.list': onOne(async (scene, name) => {
    await scene.virsh('snapshot-create-as', name, 'by-others');
    assert.match(await scene.ask('snapshot.list', { guest: name }), /^(name: )?by-others\b/m);
  }),
  'snapshot.take': onOne(async (scene, name) => {
    await ended(scene, await scene.ask('snapshot.take', { guest: name, name: 'first' }));
    assert.deepEqual(await snapshotsOf(scene, name), ['first']);
  }),
  'snapshot.revert': onOne(async (scene, name) => {
    await scene.virsh('snapshot-create-as', name, 'first');
    await scene.virsh('snapshot-create-as', name, 'second');
    await ended(scene, await scene.ask('snapshot.revert', { guest: name, name: 'first' }));
    assert.equal((await scene.virsh('snapshot-current', name, '--name')).trim(), 'first');
  }),
  'snapshot.delete': onOne(async (scene, name) => {
    await scene.virsh('snapshot-create-as', name, 'first');
    await ended(scene, await scene.ask('snapshot.delete', { guest: name, name: 'first' }));
    assert.deepEqual(await snapshotsOf(scene, name), []);
  }),
} satisfies Record<string, Effect>;
