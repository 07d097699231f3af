import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import xml, { type Element } from '@xmpp/xml';
import { ejabberdApi } from '#shared/ejabberd/api.ts';
import type { Guest } from '#shared/model/guest.ts';
import {
  boot,
  DEAF,
  defineDeaf,
  GUEST,
  HOST,
  namesOf,
  remove,
  run,
  type Scene,
  stateOf,
  ZONES,
} from './effects/effect.ts';
import { isAvailable, type PresenceView, presenceOf } from './support/agent.ts';
import { NO_OUTCOME, type Operation, operationOf, outcomeOf, settle } from './support/operations.ts';
import { type Person, rigPerson } from './support/person.ts';
import { type TestRig, testRig, until } from './support/rig.ts';

const CUT_MS = 90_000;
/** Longer than the server may take to give a host up that says nothing. */
const GONE_MS_MAX = 85_000;
const BACK_MS_MAX = 60_000;

describe('a site in trouble', function () {
  this.timeout(240_000);
  let rig: TestRig;
  let admin: Person;
  let presence: PresenceView;
  let scene: Scene;
  let agent: string;

  before(async () => {
    rig = await testRig();
    admin = await rigPerson(rig, 'admin');
    agent = rig.agentJid(HOST);
    scene = {
      rig,
      person: admin,
      surface: 'form',
      ask: () => assert.fail('a scene without a surface'),
      virsh: (...args) => rig.virsh(HOST, args),
    };
    // What is counted here is what runs on this host: earlier tests may have left guests running.
    for (const name of await namesOf(scene, '--state-running')) await rig.ensureOff(HOST, name);
    await defineDeaf(scene, DEAF);
    // In a new session the server has to be told that we are here, as any client does.
    admin.entity.onStatus(({ status }) => {
      if (status === 'online') admin.send(xml('presence')).catch(() => {});
    });
    presence = await presenceOf(admin.entity, rig.bareJid(HOST));
    if (!presence.latest) await presence.next('the agent', isAvailable);
  });
  after(async () => {
    await remove(scene, DEAF);
    await rig.ensureOff(HOST, GUEST);
    await admin?.entity.stop();
  });

  /** How often GUEST was made to say it; what is typed does not hold it. */
  const said = async (text: string): Promise<number> =>
    (await rig.consoleLog(HOST, GUEST)).split(`${text}.`).length - 1;
  const sayOf = (word: string, number: number): Operation =>
    operationOf('console.send', { guest: GUEST, text: `echo ${word}=$((${number}+1000)).` });
  const report = (text: string): void => {
    if (process.env.SKERRY_TEST_LOG) process.stderr.write(`${text}\n`);
  };

  it('has one outcome and one effect of each command while its server is killed', async () => {
    await boot(scene);
    await rig.ensureOff(HOST, DEAF);
    await scene.virsh('start', DEAF);
    const before = await rig.consoleLog(HOST, GUEST);
    assert.ok(!before.includes('killed='));
    const says = Array.from({ length: 30 }, (_, number) => sayOf('killed', number));
    const defines = Array.from({ length: 30 }, (_, number) => operationOf('guest.define', { name: `made-${number}` }));
    const pauses = Array.from({ length: 30 }, (_, number) =>
      operationOf(number % 2 === 0 ? 'guest.suspend' : 'guest.resume', { guest: DEAF }),
    );
    const outcomes = new Map<Operation, string>();
    let lost = 0;
    // A shell that is typed at faster than it reads loses letters.
    const then = async (each: Operation): Promise<void> => {
      const number = says.indexOf(each);
      if (number >= 0) await until(`${number} is said`, async () => (await said(`killed=${number + 1000}`)) > 0);
    };
    const inTurn = async (wanted: readonly Operation[]): Promise<void> => {
      for (const each of wanted) {
        const settled = await settle(admin, agent, each);
        outcomes.set(each, settled.outcome);
        await then(each);
        lost += settled.lost;
      }
    };
    try {
      const all = Promise.all([says, defines, pauses].map(inTurn));
      await until('some are answered', () => outcomes.size >= 6);
      const { sinceServer } = await serverKilled();
      await all;
      report(`the agent was back ${await sinceServer} ms after its server; ${lost} answers were lost`);
      assert.ok(lost > 0, 'the server died under a command');
      for (const [{ verb, args }, outcome] of outcomes)
        assert.match(outcome, /^\{/, `${verb} ${JSON.stringify(args)}: ${outcome}`);
      for (const [each, outcome] of outcomes)
        assert.equal((await settle(admin, agent, each)).outcome, outcome, 'asked once more');
      for (const number of says.keys()) assert.equal(await said(`killed=${number + 1000}`), 1);
      const names = await namesOf(scene);
      for (const { args } of defines) assert.ok(names.includes(String(args.name)));
      assert.equal(await stateOf(scene, DEAF), 'running');
    } finally {
      for (const name of await namesOf(scene)) if (name.startsWith('made-')) await scene.virsh('undefine', name);
    }
  });

  /** Kill the server, and see it and the agent come back. @returns how long the agent took after it, in ms */
  const serverKilled = async (): Promise<{ sinceServer: Promise<number> }> => {
    const back = presence.next('the agent', isAvailable, BACK_MS_MAX);
    await rig.killEjabberd();
    const follow = async (): Promise<number> => {
      const api = ejabberdApi({ socket: `/proc/${rig.part('server').pid}/root/run/ejabberd/api.sock` });
      const connected = (): Promise<string[] | undefined> => api('connected_users', {}).catch(() => undefined);
      await until('the server answers', async () => (await connected()) !== undefined, BACK_MS_MAX);
      const answeredAt = performance.now();
      await until('the agent is connected', async () => (await connected())?.includes(agent) ?? false, BACK_MS_MAX);
      const took = Math.round(performance.now() - answeredAt);
      await back;
      return took;
    };
    return { sinceServer: follow() };
  };

  it('knows its guests again when libvirtd comes back, also one that died meanwhile', async () => {
    await boot(scene);
    if ((await stateOf(scene, DEAF)) !== 'running') await scene.virsh('start', DEAF);
    const total = (await namesOf(scene)).length + ZONES;
    await saysRunning(2, total);
    const away = presence.next('trouble', (stanza) => stanza.getChildText('show') === 'away');
    const giveBack = await rig.holdLibvirtd(HOST);
    let right: Promise<Element> | undefined;
    try {
      assert.match((await away).getChildText('status') ?? '', /hypervisor does not answer/);
      await rig.killGuest(HOST, DEAF);
      const { outcome } = await settle(admin, agent, operationOf('guest.suspend', { guest: GUEST }));
      assert.equal(outcome, 'host-unreachable');
      right = presence.next(
        'one guest running',
        (stanza) => statusOf(stanza).startsWith(`1 of ${total} guests running`),
        BACK_MS_MAX,
      );
    } finally {
      await giveBack();
    }
    assert.equal((await right)?.getChildText('show') ?? null, null, 'it is well again');
    assert.equal(((await run(scene, 'guest.info', { guest: DEAF })) as Guest).state, 'shutoff');
    assert.equal(await stateOf(scene, DEAF), 'shut off');
    assert.equal(((await run(scene, 'guest.info', { guest: GUEST })) as Guest).state, 'running');
    // What happens from now on is heard of, too; the console of a guest that went on is there.
    const two = presence.next('two guests running', (stanza) => statusOf(stanza).startsWith(`2 of ${total}`));
    await scene.virsh('start', DEAF);
    await two;
    await run(scene, 'console.send', { guest: GUEST, text: 'echo after=$((2000+1)).' });
    await until('the console is there', async () => (await said('after=2001')) === 1);
  });

  const statusOf = (stanza: Element | undefined): string => stanza?.getChildText('status') ?? '';
  const saysRunning = async (running: number, total: number): Promise<void> => {
    const fits = (stanza: Element): boolean => statusOf(stanza).startsWith(`${running} of ${total} guests running`);
    if (!presence.latest || !fits(presence.latest)) await presence.next(`${running} of ${total} running`, fits);
  };

  it('loses and doubles nothing when a host is cut off for 90 s', async () => {
    await boot(scene);
    await rig.ensureOff(HOST, DEAF);
    const total = (await namesOf(scene)).length + ZONES;
    await saysRunning(1, total);
    const gone = presence.next('the end', ({ attrs }) => attrs.type === 'unavailable', GONE_MS_MAX);
    const early = Array.from({ length: 5 }, (_, number) => sayOf('early', number));
    const late = Array.from({ length: 5 }, (_, number) => sayOf('late', number));
    const cutAt = performance.now();
    await rig.cutLink(HOST);
    try {
      const outcomes = await Promise.all(early.map((each) => outcomeOf(admin, agent, each, 2_000)));
      assert.deepEqual(new Set(outcomes), new Set(['no-answer']));
      await gone;
      report(`the host was seen to go ${Math.round(performance.now() - cutAt)} ms after the cut`);
      const refused = await Promise.all(late.map((each) => outcomeOf(admin, agent, each)));
      assert.deepEqual(new Set(refused), new Set(['peer-refused']));
      const { exitCode, stderr } = await rig.skerry(['guest', 'info', GUEST, '--host', HOST]);
      assert.match(stderr, /host1 cannot be reached: its agent is not connected/);
      assert.equal(exitCode, 3);
      await scene.virsh('start', DEAF);
      await delay(Math.max(0, CUT_MS - (performance.now() - cutAt)));
    } finally {
      const back = presence.next('the agent', isAvailable, BACK_MS_MAX);
      const mendedAt = performance.now();
      await rig.mendLink(HOST);
      await back;
      report(`the agent was back ${Math.round(performance.now() - mendedAt)} ms after the link`);
    }
    await saysRunning(2, total);
    for (const [word, wanted] of Object.entries({ early, late }))
      for (const [number, each] of wanted.entries()) {
        const { outcome } = await settle(admin, agent, each);
        assert.ok(!NO_OUTCOME.has(outcome) && outcome.startsWith('{'), outcome);
        assert.equal((await settle(admin, agent, each)).outcome, outcome, 'asked once more');
        await until(`${word} ${number} is said`, async () => (await said(`${word}=${number + 1000}`)) > 0);
      }
    await run(scene, 'console.send', { guest: GUEST, text: 'echo end=$((2000+2)).' });
    await until('all is said', async () => (await said('end=2002')) === 1);
    for (const [word, wanted] of Object.entries({ early, late }))
      for (const number of wanted.keys()) assert.equal(await said(`${word}=${number + 1000}`), 1, `${word} ${number}`);
  });
});
