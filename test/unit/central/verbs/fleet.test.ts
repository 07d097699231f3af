import assert from 'node:assert/strict';
import { NO_STATE } from '#central/networks/state.ts';
import { fleetHandlers } from '#central/verbs/fleet.ts';
import { siteQuestions } from '#central/verbs/questions.ts';
import { Failure } from '#shared/errors.ts';
import { readArguments } from '#shared/verb/arguments.ts';
import { requireYes } from '#shared/verb/confirm.ts';
import { parseWords } from '#shared/verb/grammar.ts';
import type { May } from '#shared/verb/policy.ts';
import type { Call, Request } from '#shared/verb/request.ts';
import { centralVerbs } from '#shared/verbs/central.ts';
import { guestOf } from '#test/unit/support/guest.ts';
import { siteOf } from '#test/unit/support/site.ts';

const requester = { bareJid: 'olga@skerry.test', fullJid: 'olga@skerry.test/x' };
const names = Array.from({ length: 25 }, (_, n) => `g${String(n).padStart(2, '0')}`);

describe('what is asked before it may lose work', () => {
  const site = siteOf({
    host1: [guestOf('fossil'), guestOf('venti')],
    host2: [guestOf('cpu1')],
    host3: names.map((name) => guestOf(name)),
    host4: [],
  });
  const may: May = (_, __, target) => target?.guest !== 'cpu1';
  const questions = siteQuestions({ site, may, table: centralVerbs, networks: { state: NO_STATE } });
  /** What somebody who says this is asked; undefined: nothing. */
  const asked = async (line: string, confirmed = false): Promise<string | undefined> => {
    const spoken = parseWords(line.split(' '), centralVerbs);
    assert.ok(spoken.kind === 'verb');
    const { verb } = spoken;
    const row = centralVerbs[verb as keyof typeof centralVerbs];
    const args = readArguments(row, spoken.args);
    const request: Request = { verb, args, requester, surface: 'chat', operation: 'o', confirmed };
    try {
      await requireYes({ table: centralVerbs, questions }, request, row, args);
      return undefined;
    } catch (error) {
      if (error instanceof Failure && error.code === 'confirmation-required') return String(error.details.verb);
      throw error;
    }
  };

  it('names the verb, the guests and their number', async () => {
    assert.equal(await asked('fleet run guest.poweroff host:host1'), 'guest poweroff on 2 guests (fossil, venti)');
    assert.equal(await asked('fleet run Guest.Poweroff name:venti'), 'guest poweroff on 1 guest (venti)');
    assert.match(
      (await asked('fleet run guest.delete host:host3')) ?? '',
      /on 25 guests \(g00, .*g19, … and 5 more\)$/,
    );
    assert.match((await asked('fleet run guest.delete')) ?? '', /^guest delete on all 27 guests \(/);
    assert.equal(await asked('guest poweroff venti'), 'guest poweroff venti');
    assert.equal(await asked('host forget host1'), 'host forget host1 with its 2 guests');
    assert.equal(await asked('host forget host4'), 'host forget host4');
  });

  it('is nothing where nothing can be lost, or where a yes was said', async () => {
    for (const line of ['fleet run guest.start host:host1', 'fleet run guest.info', 'guest start venti'])
      assert.equal(await asked(line), undefined, line);
    assert.equal(await asked('fleet run guest.poweroff host:host1', true), undefined);
  });

  it('is refused where it would come to nothing', async () => {
    const wrong: [string, RegExp][] = [
      ['fleet run guest.powerof host:host1', /no verb guest\.powerof\. Did you mean guest\.poweroff/],
      ['fleet run host.forget host:host1', /verb: host\.forget is no verb of a guest/],
      ['fleet run fleet.run host:host1', /no verb of a guest/],
      ['fleet run guest.poweroff hots:host1', /Did you mean host/],
      ['fleet run guest.poweroff host:host9', /where: it selects no guest/],
      ['fleet run guest.poweroff name:cpu1', /may not guest\.poweroff any of the 1 guests/],
      ['fleet run guest.poweroff host:host1 args=force=yes', /force/],
      ['guest poweroff nobody', /no guest nobody/],
      ['host forget hots1', /no host hots1\. Did you mean host1/],
    ];
    for (const [line, text] of wrong) await assert.rejects(asked(line), text, line);
    site.lose('host2', 'its agent is silent');
    await assert.rejects(asked('guest delete cpu1'), /host2 cannot be reached|silent/);
  });

  it('is what is then done', async () => {
    const done: [string, unknown, boolean][] = [];
    const handlers = fleetHandlers({
      ...{ site, may, table: centralVerbs },
      perform: async ({ verb, args, confirmed }) => {
        done.push([verb, args, confirmed]);
        return { kind: 'result', value: [], replayed: false };
      },
    });
    const run = handlers['fleet.run'];
    const call = { requester, operation: 'o', signal: new AbortController().signal } as Call;
    const given = { where: ['host:host1'], args: [], parallel: 2 };
    await run({ ...given, verb: 'guest poweroff' }, call);
    assert.deepEqual(done, [
      ['guest.poweroff', { guest: 'fossil' }, true],
      ['guest.poweroff', { guest: 'venti' }, true],
    ]);
    await assert.rejects(run({ ...given, verb: 'guest.start', args: ['paused=perhaps'] }, call), /neither yes nor no/);
    await assert.rejects(run({ ...given, verb: 'guest.define' }, call), /guest\.define is no verb of a guest/);
    assert.equal(done.length, 2);
  });
});
