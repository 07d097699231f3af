import assert from 'node:assert/strict';
import { type Move, moveBook } from '#central/moving/book.ts';
import { siteMoving } from '#central/moving/moving.ts';
import { Failure } from '#shared/errors.ts';
import { manualClock } from '../../support/manual-clock.ts';
import { siteOf } from '../../support/site.ts';

const MOVE: Move = {
  ...{ id: '0a'.repeat(20), requester: { bareJid: 'ann@x', fullJid: 'ann@x/1' }, operation: 'op1' },
  ...{ contact: 'venti', name: 'venti', uuid: 'uuid-venti', from: 'host1', to: 'host2' },
};
const away = (): Failure => new Failure('host-unreachable', { host: 'host1', problem: 'it is not heard' });

/** A central that begins with this move, whose hosts answer as they are told, the last answer again and again. */
async function stage(move: Move, answers: Record<string, (object | Failure)[]>) {
  const kept = new Map([[move.id, move]]);
  const book = moveBook([move], {
    put: async (each) => void kept.set(each.id, each),
    remove: async (id) => void kept.delete(id),
  });
  const clock = manualClock();
  const asked: string[] = [];
  const warned: string[] = [];
  const log = { info: () => {}, warn: (_: object, message: string) => void warned.push(message) };
  const moving = siteMoving({
    ...{ book, clock, log, site: siteOf({ host1: [], host2: [] }), onBug: assert.fail },
    ask: async (host, verb, _row, args) => {
      asked.push([host.name, verb, ...('outcome' in args ? [args.outcome] : [])].join(' '));
      const left = answers[verb] ?? [];
      const answer = left.length > 1 ? left.shift() : left[0];
      if (answer instanceof Failure) throw answer;
      return { value: answer } as never;
    },
  });
  const pass = async (ms: number): Promise<void> => {
    for (let passedMs = 0; passedMs <= ms; passedMs += 10_000) {
      for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
      clock.advance(10_000);
    }
  };
  return { kept, book, asked, warned, moving, pass };
}

describe('a move that no job works on any more', () => {
  it('is ended as the source says, as soon as both hosts answer', async () => {
    for (const outcome of ['came', 'stayed'] as const) {
      const { kept, asked, moving, pass } = await stage(MOVE, {
        'guest.recall': [away(), away(), { name: 'venti', outcome }],
        'guest.land': [away(), { name: 'venti', outcome }],
      });
      moving.endLeft();
      await pass(60_000);
      moving.stop();
      const [recall, land] = ['host1 guest.recall', `host2 guest.land ${outcome}`];
      assert.deepEqual(asked, [recall, recall, recall, land, land]);
      assert.equal(kept.size, 0);
    }
  });

  it('is only said to the target, where it is known how it ended', async () => {
    const { kept, asked, moving, pass } = await stage({ ...MOVE, outcome: 'stayed' }, { 'guest.land': [{}] });
    moving.endLeft();
    await pass(10_000);
    moving.stop();
    assert.deepEqual(asked, ['host2 guest.land stayed']);
    assert.equal(kept.size, 0);
  });

  it('is left alone while a job works on it, and forgotten some time after that has told all', async () => {
    const { kept, book, asked, moving, pass } = await stage(MOVE, {});
    const release = book.claim(MOVE.id);
    moving.endLeft();
    await pass(30_000);
    await book.put(MOVE.id, { outcome: 'came', toldAtMs: Date.UTC(2026, 0, 1) });
    release();
    await pass(60_000);
    assert.equal(kept.size, 1, 'the end of its job may not be written yet');
    await pass(3_600_000);
    moving.stop();
    assert.deepEqual([kept.size, asked], [0, []]);
  });

  it('is given up, and told, where the target has not got the guest', async () => {
    const absent = new Failure('guest-not-found', { guest: 'venti', host: 'host2' });
    const { kept, warned, moving, pass } = await stage({ ...MOVE, outcome: 'came' }, { 'guest.land': [absent] });
    moving.endLeft();
    await pass(10_000);
    moving.stop();
    assert.equal(warned.length, 1);
    assert.equal(kept.size, 0);
  });
});
