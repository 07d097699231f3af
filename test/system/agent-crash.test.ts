import assert from 'node:assert/strict';
import { randomInt, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { after, before, describe, it } from 'mocha';
import { effectsIn } from '#agent/drivers/fake/store.ts';
import { Failure } from '#shared/errors.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';
import { type Ran, type RunOptions, runVerb } from '#shared/xmpp/commands-client.ts';
import { isAvailable, type PresenceView, presenceOf, type TestAgent, testAgent } from './support/agent.ts';
import { type Person, person } from './support/person.ts';
import { type TestServer, testServer } from './support/server.ts';

const ROUNDS = 50;
/** How long the fake hypervisor takes for a change; it takes effect in the middle. */
const CHANGE_MS = 60;
/** Kills come from the request on until well after the answer, whatever that takes on the machine. */
const KILL_MAX = 1.7;
const AGAIN_MS_MAX = 60_000;
/** What was on its way to an agent that is gone is answered by nobody. */
const ANSWER_MS = 10_000;

/** One change, and how the hypervisor counts it. */
interface Change {
  verb: keyof typeof agentVerbs;
  args: Record<string, unknown>;
  counted: string;
}

/** A change of another guest in each round, of each kind in turn. */
function changeOf(round: number): Change {
  const guest = `g${round}`;
  const kinds: Change[] = [
    { verb: 'guest.start', args: { guest }, counted: `start ${guest}` },
    { verb: 'guest.poweroff', args: { guest: `up${round}` }, counted: `poweroff up${round}` },
    { verb: 'guest.define', args: { name: `new${round}`, memoryMiB: 64 }, counted: `define new${round}` },
    { verb: 'guest.autostart', args: { guest, enabled: true }, counted: `autostart ${guest}` },
    { verb: 'guest.delete', args: { guest }, counted: `delete ${guest}` },
  ];
  return kinds[round % kinds.length]!;
}

describe('an agent that is killed between a request and its answer', function () {
  this.timeout(600_000);
  let server: TestServer;
  let agent: TestAgent;
  let admin: Person;
  let presence: PresenceView;

  before(async () => {
    server = await testServer({ accounts: ['host1', 'admin'] });
    const rounds = Array.from({ length: ROUNDS }, (_, round) => round);
    agent = await testAgent(server, {
      name: 'host1',
      driver: {
        changeMs: CHANGE_MS,
        guests: rounds.flatMap((round) => [{ name: `g${round}` }, { name: `up${round}`, running: true }]),
      },
      policy: { grants: [{ jid: 'admin@skerry.test', role: 'admin' }] },
    });
    admin = await person(server, 'admin');
    presence = await presenceOf(admin.entity, agent.jid);
    await comesUp();
  });
  after(async () => {
    await admin?.entity.stop();
    await agent?.remove();
    await server?.stop();
  });

  const comesUp = async (): Promise<void> => {
    const online = presence.next('the agent', isAvailable);
    await agent.start();
    await online;
  };
  const ask = ({ verb, args }: Change, operation: string, more: RunOptions = {}): Promise<Ran> =>
    runVerb(admin.entity, agent.fullJid, verb, agentVerbs[verb], args, { operation, confirmed: true, ...more });
  const effects = async (): Promise<Record<string, number>> => effectsIn(await readFile(agent.stateFile, 'utf8'));

  it(`has one effect for one operation id, ${ROUNDS} times`, async () => {
    const before = await effects();
    const seen = { unanswered: 0, doneUnanswered: 0, notDone: 0 };
    /** What an answer takes, by what was seen of late. */
    let answerMs = CHANGE_MS;
    for (let round = 0; round < ROUNDS; round++) {
      const change = changeOf(round);
      const operation = randomUUID();
      const own = (counts: Record<string, number>) => (counts[change.counted] ?? 0) - (before[change.counted] ?? 0);
      let isAnswered = false;
      const gaveUp = new AbortController();
      const askedAt = performance.now();
      const first = ask(change, operation, { signal: gaveUp.signal }).then(
        () => {
          isAnswered = true;
          answerMs = performance.now() - askedAt;
        },
        () => {},
      );
      const killMs = randomInt(Math.ceil(answerMs * KILL_MAX));
      await delay(killMs);
      if (!isAnswered && killMs > answerMs) answerMs = killMs;
      await agent.kill9();
      gaveUp.abort(new Error('nobody answers'));
      await first;
      const wasDone = own(await effects()) > 0;
      if (!isAnswered) seen[wasDone ? 'doneUnanswered' : 'notDone']++;
      if (!isAnswered) seen.unanswered++;
      await comesUp();
      await askAgain(change, operation);
      assert.equal(own(await effects()), 1, `${change.verb} of round ${round}, done before the kill: ${wasDone}`);
      await askAgain(change, operation);
      assert.equal(own(await effects()), 1, `${change.verb} of round ${round}, asked a third time`);
    }
    assert.ok(seen.doneUnanswered > 0 && seen.notDone > 0, `kills came at each stage: ${JSON.stringify(seen)}`);
    if (process.env.SKERRY_TEST_LOG) process.stderr.write(`${JSON.stringify(seen)}\n`);
  });

  /** As a program would: until there is an answer. What says `wait` is asked again. */
  const askAgain = async (change: Change, operation: string): Promise<void> => {
    const untilMs = performance.now() + AGAIN_MS_MAX;
    for (;;) {
      try {
        await ask(change, operation, { timeoutMs: ANSWER_MS });
        return;
      } catch (error) {
        const isPassing = error instanceof Failure && PASSING.has(error.code);
        if (!isPassing || performance.now() > untilMs) throw error;
        await delay(50);
      }
    }
  };
});

const PASSING: ReadonlySet<string> = new Set(['host-unreachable', 'operation-running', 'peer-refused', 'no-answer']);
