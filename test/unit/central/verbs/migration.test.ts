import assert from 'node:assert/strict';
import { type Move, moveBook, moveIdOf } from '#central/moving/book.ts';
import { migrationHandlers } from '#central/verbs/migration.ts';
import { Failure } from '#shared/errors.ts';
import type { Guest } from '#shared/model/guest.ts';
import type { Job } from '#shared/model/job.ts';
import type { Call } from '#shared/verb/request.ts';
import type { migrationVerbs } from '#shared/verbs/migration.ts';
import { guestOf, sceneOf } from '../networks/scene.ts';

const VENTI = guestOf('venti');
const DONE = { id: '7', verb: 'guest.migrate', state: 'done', progress: 'done', outcome: 'done' } as Job;
const FAILED: Job = { ...DONE, state: 'failed', outcome: 'migration-failed', progress: 'It broke.' };
const absent = (): Failure => new Failure('guest-not-found', { guest: 'venti', host: 'host1' });
const silent = (): Failure => new Failure('host-unreachable', { host: 'host1', problem: 'it is not heard' });

type Script = Partial<Record<keyof typeof migrationVerbs, (unknown | Failure)[]>>;

const STAYED = { name: 'venti', outcome: 'stayed' };
const CAME = { name: 'venti', outcome: 'came' };

/** Two hosts whose agents answer as they are told, the last answer again and again; venti is at host1. */
async function stage(
  script: Script,
  more: { resumed?: true; at?: Record<string, Guest[]>; kept?: Move[]; cancelAt?: string } = {},
) {
  const scene = await sceneOf(more.at ?? { host1: [VENTI], host2: [] });
  const { site, networks, clock } = scene;
  const asked: string[] = [];
  const superseded: string[] = [];
  /** As an agent's journal: an id that has failed fails again. */
  const failed = new Map<string, Failure>();
  const cancel = new AbortController();
  const comes = async (): Promise<void> => {
    const { seq } = site.host('host2').known;
    await site.take('host2@skerry.test', {
      ...{ epoch: 1, seq: seq + 1, kind: 'change', part: 0, more: false, gone: [], jobs: [] },
      ...{ host: { state: 'up', version: '0.1.0' }, guests: [{ ...VENTI, host: 'host2' }] },
    });
  };
  const answers: Script = {
    'guest.offer': [{ guest: 'venti', uuid: VENTI.uuid, offer: '{}' }],
    'guest.await': [{ address: '10.78.0.12', port: 49152, told: '' }],
    'guest.migrate': [DONE],
    'guest.land': [CAME],
    'guest.recall': [STAYED],
    ...script,
  };
  const kept = new Map((more.kept ?? []).map((move) => [move.id, move]));
  const book = moveBook([...kept.values()], {
    put: async (move) => void kept.set(move.id, move),
    remove: async (id) => void kept.delete(id),
  });
  const handlers = migrationHandlers({
    ...{ site, networks, clock, secret: 'the-secret-of-central', may: () => true },
    ...{ book, stopping: new AbortController().signal },
    feed: { follow: () => () => {}, heard: () => {} },
    ask: async (host, verb, _row, args, { operation, supersedes = [] }) => {
      superseded.push(...supersedes.map((each) => `${verb}: ${each}`));
      if (more.cancelAt === verb) cancel.abort(new Failure('job-cancelled', { job: '1' }));
      asked.push([host.name, verb, ...('outcome' in args ? [args.outcome] : [])].join(' '));
      const before = failed.get(operation);
      if (before) throw before;
      const left = answers[verb as keyof Script] ?? [];
      const answer = left.length > 1 ? left.shift() : left[0];
      if (answer instanceof Failure) {
        if (answer.code !== 'host-unreachable') failed.set(operation, answer);
        throw answer;
      }
      if (verb === 'guest.land' && args.outcome === 'came') await comes();
      return { value: answer, isJob: verb === 'guest.migrate' } as never;
    },
  });
  const call: Call = {
    ...{ verb: 'guest.migrate', surface: 'form', operation: 'op1', signal: cancel.signal, progress: () => {} },
    requester: { bareJid: 'ann@skerry.test', fullJid: 'ann@skerry.test/1' },
    ...(more.resumed ? { resumed: true } : {}),
  };
  let found: Guest | Failure | undefined;
  handlers['guest.migrate']({ guest: 'venti', to: 'host2' }, call).then(
    (guest) => {
      found = guest as Guest;
    },
    (error: Failure) => {
      found = error;
    },
  );
  for (let turn = 0; turn < 200 && found === undefined; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(1_000);
  }
  networks.stop();
  return { found, asked, superseded, scene, kept };
}

const STEPS = ['host1 guest.offer', 'host2 guest.await', 'host1 guest.migrate'];
const isTold = (kept: ReadonlyMap<string, Move>): boolean =>
  [...kept.values()].every(({ toldAtMs }) => toldAtMs !== undefined);
const codeOf = (found: unknown): string => (found instanceof Failure ? found.code : 'done');

describe('a guest that moves, as central has it', () => {
  it('is offered, awaited, sent, and runs when the source has none of it', async () => {
    const { found, asked } = await stage({});
    assert.equal((found as Guest).host, 'host2', String(found));
    assert.deepEqual(asked, [...STEPS, 'host2 guest.land came']);
  });

  it('stays where it is when the source has called it off and has it, and what has come is removed', async () => {
    const { found, asked, superseded, kept } = await stage({ 'guest.migrate': [FAILED] });
    assert.equal(codeOf(found), 'job-failed');
    const late = ['guest.recall: op1', 'guest.land: op1 guest.await'];
    assert.deepEqual(superseded, late, 'what comes late of it is not begun any more');
    assert.deepEqual(asked, [...STEPS, 'host1 guest.recall', 'host2 guest.land stayed']);
    assert.ok(isTold(kept));
  });

  it('is where it came when the source has none of it, whatever became of the job', async () => {
    const { found, asked, kept } = await stage({ 'guest.migrate': [FAILED], 'guest.recall': [CAME] });
    assert.equal(codeOf(found), 'done', String(found));
    assert.deepEqual(asked.slice(3), ['host1 guest.recall', 'host2 guest.land came']);
    assert.ok(isTold(kept));
  });

  it('is not decided while the source is silent', async () => {
    const { found, asked, kept } = await stage({ 'guest.migrate': [FAILED], 'guest.recall': [silent()] });
    assert.equal(found, undefined);
    assert.ok(!asked.some((line) => line.includes('guest.land')), asked.join());
    assert.ok(asked.length > 5, 'it asks again and again');
    assert.equal(kept.size, 1, 'it is known after a restart');
  });

  it('is decided when the source is heard again', async () => {
    const { found, asked } = await stage({ 'guest.migrate': [FAILED], 'guest.recall': [silent(), silent(), STAYED] });
    assert.equal(codeOf(found), 'job-failed');
    assert.equal(asked.at(-1), 'host2 guest.land stayed');
  });

  it('is where the source says, when it is called off while that sends it', async () => {
    for (const [recall, land, code] of [
      [CAME, 'came', 'done'],
      [STAYED, 'stayed', 'Error'],
    ] as const) {
      const script: Script = { 'guest.migrate': [silent()], 'guest.recall': [silent(), recall] };
      const { found, asked } = await stage(script, { cancelAt: 'guest.migrate' });
      assert.equal(found instanceof Error ? found.name : codeOf(found), code, String(found));
      assert.deepEqual(asked.slice(3), ['host1 guest.recall', 'host1 guest.recall', `host2 guest.land ${land}`]);
    }
  });

  it('is in the book for as long as the target has not heard that it stayed', async () => {
    const away = new Failure('host-unreachable', { host: 'host2', problem: 'it is not heard' });
    const { found, kept } = await stage({ 'guest.migrate': [FAILED], 'guest.land': [away] });
    assert.equal(codeOf(found), 'job-failed');
    assert.deepEqual(
      [...kept.values()].map(({ outcome, toldAtMs }) => [outcome, toldAtMs]),
      [['stayed', undefined]],
    );
  });

  it('is not sent to a host that does not take it', async () => {
    const unfit = new Failure('migration-unfit', { guest: 'venti', to: 'host2', problem: 'there is no bridge br0' });
    const { found, asked } = await stage({ 'guest.await': [unfit] });
    assert.equal(codeOf(found), 'migration-unfit');
    assert.deepEqual(asked, STEPS.slice(0, 2));
  });

  it('is said to have come until the host that it came to can let it run', async () => {
    const hung = new Failure('host-timeout', { command: 'virsh resume', timeoutS: 300 });
    const { found, asked } = await stage({ 'guest.land': [hung, hung, { name: 'venti', outcome: 'came' }] });
    assert.equal(codeOf(found), 'done', String(found));
    assert.equal(asked.filter((line) => line === 'host2 guest.land came').length, 3);
  });

  it('is called off at a host of which nobody knows whether it awaits it', async () => {
    const late = new Failure('verb-timeout', { verb: 'guest.await', timeoutS: 120 });
    const { found, asked } = await stage({ 'guest.await': [late] });
    assert.equal(codeOf(found), 'verb-timeout');
    assert.deepEqual(asked, [...STEPS.slice(0, 2), 'host2 guest.land stayed']);
  });

  it('is found out by the source where an earlier life of the job was so far, wherever it is known to be', async () => {
    const requester = { bareJid: 'ann@skerry.test', fullJid: 'ann@skerry.test/1' };
    const id = moveIdOf({ requester, operation: 'op1' });
    const known = { id, requester, operation: 'op1', contact: 'venti', name: 'venti', uuid: VENTI.uuid };
    const kept: Move[] = [{ ...known, from: 'host1', to: 'host2' }];
    const script: Script = { 'guest.offer': [absent()], 'guest.recall': [CAME] };
    for (const at of [
      { host1: [VENTI], host2: [] },
      { host1: [], host2: [] },
      { host1: [], host2: [{ ...VENTI, host: 'host2' }] },
    ]) {
      const { found, asked, kept: left } = await stage(script, { resumed: true, kept, at });
      assert.equal(codeOf(found), 'done', String(found));
      assert.deepEqual(asked, ['host1 guest.offer', 'host1 guest.recall', 'host2 guest.land came']);
      assert.ok(isTold(left));
    }
  });

  it('is one at a time', async () => {
    const requester = { bareJid: 'bob@skerry.test', fullJid: 'bob@skerry.test/1' };
    const other = { id: '0b'.repeat(20), requester, operation: 'op2', contact: 'venti', name: 'venti' };
    const kept = { ...other, uuid: VENTI.uuid, from: 'host1', to: 'host3' };
    const busy = await stage({}, { kept: [kept] });
    assert.equal(codeOf(busy.found), 'migration-unfit');
    assert.deepEqual(busy.asked, []);
    const over = await stage({}, { kept: [{ ...kept, outcome: 'stayed' }] });
    assert.equal(codeOf(over.found), 'done');
  });

  it('is refused where another of its name is, and where it is already', async () => {
    const namesake = { ...guestOf('venti', 'host2'), uuid: 'another', state: 'shutoff' as const };
    const taken = await stage({}, { at: { host1: [VENTI], host2: [namesake] } });
    assert.equal(codeOf(taken.found), 'guest-exists');
    const there = await stage({}, { at: { host1: [], host2: [{ ...VENTI, host: 'host2' }] } });
    assert.equal(codeOf(there.found), 'migration-unfit');
    assert.deepEqual([...taken.asked, ...there.asked], []);
  });

  it('is found where it runs while what has come of it stands still', async () => {
    const arriving: Guest = { ...VENTI, host: 'host2', state: 'paused', reason: 'migrating' };
    const { scene } = await stage({ 'guest.offer': [absent()] }, { at: { host1: [VENTI], host2: [arriving] } });
    assert.equal(scene.site.find('venti')?.host.name, 'host1');
  });
});
