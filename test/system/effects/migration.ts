import assert from 'node:assert/strict';
import type { Job } from '#shared/model/job.ts';
import { until } from '../support/until.ts';
import { boot, type Effect, GUEST, jobIn, run, type Scene, stateOf } from './effect.ts';

const KEY = '0f'.repeat(32);
const UUID = '00000000-0000-4000-8000-000000000000';
const MOVE = '0a'.repeat(20);
const WAY = { address: '127.0.0.1', port: 9, key: KEY, told: '-' };

/** Steps of a move are central's: of anybody else an agent takes none, and the guest runs on. What they do is seen in migration-rig.test.ts. */
const refused =
  (verb: string, args: Readonly<Record<string, unknown>>): Effect =>
  async (scene) => {
    await boot(scene);
    const said = await scene.ask(verb, args).catch(String);
    const answer = /job/.test(said) && !/may not/.test(said) ? await endOf(scene, said) : said;
    assert.match(answer, /may not guest\.\w+ but by guest migrate at central|not-permitted/, said);
    assert.equal(await stateOf(scene, GUEST), 'running');
  };

/** How a job ended, in its own words. */
async function endOf(scene: Scene, said: string): Promise<string> {
  const job = jobIn(said);
  return until(`job ${job} has ended`, async () => {
    const now = (await run(scene, 'job.info', { job })) as Job;
    return now.state === 'running' ? undefined : now.progress;
  });
}

export const migrationEffects = {
  'guest.offer': refused('guest.offer', { guest: GUEST }),
  'guest.await': refused('guest.await', {
    name: 'nobody',
    uuid: UUID,
    from: 'host2',
    offer: '-',
    key: KEY,
    move: MOVE,
  }),
  'guest.migrate': refused('guest.migrate', { guest: GUEST, uuid: UUID, to: 'host2', ...WAY }),
  'guest.land': refused('guest.land', { name: GUEST, uuid: UUID, outcome: 'stayed', move: MOVE }),
  'guest.recall': refused('guest.recall', { name: GUEST, uuid: UUID }),
} satisfies Record<string, Effect>;
