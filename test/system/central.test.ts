import assert from 'node:assert/strict';
import xml, { type Element } from '@xmpp/xml';
import { guestTable } from '#central/contacts/guest-offer.ts';
import { SERVICE } from '#provisioning/rig/server-part.ts';
import type { Job } from '#shared/model/job.ts';
import type { ProbeLook } from '#shared/model/probe.ts';
import type { SiteGuestRecord, SiteHostRecord } from '#shared/model/site.ts';
import { centralVerbs } from '#shared/verbs/central.ts';
import { listVerbs, type RunOptions, runVerb } from '#shared/xmpp/commands-client.ts';
import { bareOf, resourceOf } from '#shared/xmpp/jid.ts';
import { probesElement } from '#shared/xmpp/probe.ts';
import { reportElement } from '#shared/xmpp/report.ts';
import { StanzaError } from '#shared/xmpp/stanza-error.ts';
import { type Person, rigPerson } from './support/person.ts';
import { type TestRig, testRig, until } from './support/rig.ts';

/** Of the rig, its zones among them. */
const GUESTS = 6;

type VerbId = keyof typeof centralVerbs;

/** From here on only what comes after counts. */
const watching = (who: Person) => {
  const after = who.seen.length;
  return (what: string, fits: (stanza: Element) => boolean): Promise<Element> =>
    who.sees(what, (stanza) => who.seen.indexOf(stanza) >= after && fits(stanza));
};
const isPresence =
  (jid: string, show: string | null | 'unavailable') =>
  (stanza: Element): boolean =>
    stanza.name === 'presence' &&
    (jid.includes('/') ? stanza.attrs.from === jid : bareOf(stanza.attrs.from ?? '') === jid) &&
    (show === 'unavailable'
      ? stanza.attrs.type === 'unavailable'
      : stanza.attrs.type === undefined && stanza.getChildText('show') === show);

describe('the central agent, on a real site', function () {
  this.timeout(240_000);
  let rig: TestRig;
  let operator: Person;
  let admin: Person;
  const guestJid = (name: string): string => `${name}@${rig.central}`;
  const run = async (who: Person, verb: VerbId, args: object, options?: RunOptions): Promise<unknown> =>
    (await runVerb(who.entity, rig.central, verb, centralVerbs[verb], args as Record<string, unknown>, options)).value;
  const state = async (host: string, guest: string): Promise<string> =>
    (await rig.virsh(host, ['domstate', guest])).trim();
  const isHeard = (host: string): Promise<void> =>
    until(`${host} is heard`, async () => {
      const hosts = (await run(admin, 'host.list', {}).catch(() => [])) as SiteHostRecord[];
      return hosts.some(({ name, state: how, problem }) => name === host && how === 'up' && problem === undefined);
    });

  before(async () => {
    rig = await testRig();
    for (const guest of ['venti', 'fossil']) await rig.ensureOff('host1', guest);
    for (const guest of ['cpu1', 'cpu2']) await rig.ensureOff('host2', guest);
    admin = await rigPerson(rig, 'admin');
    operator = await rigPerson(rig, 'operator');
    await operator.send(xml('presence'));
    for (const host of ['host1', 'host2']) await isHeard(host);
  });
  after(async () => {
    for (const guest of ['venti', 'fossil']) await rig.ensureOff('host1', guest);
    for (const guest of ['cpu1', 'cpu2']) await rig.ensureOff('host2', guest);
    await operator?.entity.stop();
    await admin?.entity.stop();
  });

  it('has every guest in everybody’s contacts, grouped by host, subscribed both ways', async () => {
    const answer = await operator.get(undefined, xml('query', { xmlns: 'jabber:iq:roster' }));
    const items = answer.getChild('query')?.getChildren('item') ?? [];
    const guests = items.filter(({ attrs }) => attrs.jid?.endsWith(`@${rig.central}`));
    assert.deepEqual(
      guests.map((item) => [item.attrs.jid, item.attrs.subscription, item.getChildText('group')]).sort(),
      [
        [guestJid('annex'), 'both', 'host2'],
        [guestJid('cpu1'), 'both', 'host2'],
        [guestJid('cpu2'), 'both', 'host2'],
        [guestJid('fossil'), 'both', 'host1'],
        [guestJid('hall'), 'both', 'host1'],
        [guestJid('venti'), 'both', 'host1'],
      ],
    );
  });

  it('has a host look for an operator, and for nobody who may only read', async () => {
    // As the rig calls it on the hosts' own segment.
    const server = `tcp!server!${SERVICE.port}`;
    const look = async (who: Person, args: object): Promise<[string, string, string?]> => {
      const { verdict, kind, why } = (await run(who, 'host.probe', { host: 'host1', ...args })) as ProbeLook;
      return why === undefined ? [verdict, kind] : [verdict, kind, why];
    };
    assert.deepEqual(await look(operator, { kind: 'tcp', target: server }), ['good', 'tcp']);
    const refused = await look(operator, { kind: 'tcp', target: 'tcp!127.0.0.1!1' });
    assert.deepEqual(refused, ['bad', 'tcp', 'connection refused']);
    const off = await look(operator, { kind: 'state', target: 'venti' });
    assert.deepEqual(off, ['bad', 'state', 'the guest venti is shutoff']);
    const viewer = await rigPerson(rig, 'viewer');
    await assert.rejects(look(viewer, { kind: 'tcp', target: server }), /may not host.probe/);
    await viewer.entity.stop();
  });

  it('alone says to an agent what is probed', async () => {
    const child = probesElement({ version: 1, probes: [] });
    const asked = admin.entity.request({ to: rig.agentJid('host1'), type: 'set', child });
    await assert.rejects(asked, (error) => error instanceof StanzaError && error.failure === 'not-permitted');
  });

  it('takes the guests out of a contact list, and puts them back, as its owner wishes', async () => {
    const count = async (): Promise<number> => {
      const answer = await admin.get(undefined, xml('query', { xmlns: 'jabber:iq:roster' }));
      const items = answer.getChild('query')?.getChildren('item') ?? [];
      return items.filter(({ attrs }) => attrs.jid?.endsWith(`@${rig.central}`)).length;
    };
    await run(admin, 'contact.unfollow', {});
    assert.equal(await count(), 0);
    assert.deepEqual(await run(admin, 'contact.follow', {}), { jid: 'admin@skerry.test', guests: GUESTS });
    assert.equal(await count(), GUESTS);
  });

  it('shows what a guest is, with a picture, to those who may see it', async () => {
    const answer = await operator.get(guestJid('venti'), xml('vCard', { xmlns: 'vcard-temp' }));
    const vcard = answer.getChild('vCard', 'vcard-temp');
    assert.equal(vcard?.getChildText('FN'), 'venti');
    const picture = Buffer.from(vcard?.getChild('PHOTO')?.getChildText('BINVAL') ?? '', 'base64');
    assert.equal(picture.subarray(1, 4).toString(), 'PNG');
  });

  it('shows a guest as it is: off, started behind everybody’s back, killed', async () => {
    await operator.sees('venti, off', isPresence(`${guestJid('venti')}/host1`, 'xa'));
    const sees = watching(operator);
    await rig.virsh('host1', ['start', 'venti']);
    const presence = await sees('venti, running', isPresence(`${guestJid('venti')}/host1`, null));
    assert.match(presence.getChildText('status') ?? '', /^running · 1 vCPU · 112 MiB/);
    await rig.killGuest('host1', 'venti');
    const crashed = await sees('venti, crashed', isPresence(`${guestJid('venti')}/host1`, 'dnd'));
    assert.match(crashed.getChildText('status') ?? '', /crashed/);
  });

  it('carries a verb out wherever the guest is, and knows at once how it is then', async () => {
    const guest = (await run(operator, 'guest.start', { guest: 'cpu1' })) as SiteGuestRecord;
    assert.equal(guest.state, 'running');
    assert.equal(await state('host2', 'cpu1'), 'running');
    await rig.ensureOff('host2', 'cpu1');
  });

  it('takes a verb at the guest’s own address, where it has no field for the guest', async () => {
    const jid = guestJid('fossil');
    const verbs = await listVerbs(operator.entity, jid);
    assert.ok(verbs.includes('guest.start') && verbs.includes('console.read'), verbs.join());
    assert.ok(!verbs.includes('guest.list') && !verbs.includes('guest.define') && !verbs.includes('host.list'));
    const row = guestTable(centralVerbs)['guest.start'];
    assert.ok(row);
    await runVerb(operator.entity, jid, 'guest.start', row, {});
    assert.equal(await state('host1', 'fossil'), 'running');
  });

  it('talks as the guest, in chat', async () => {
    const jid = guestJid('fossil');
    const sees = watching(operator);
    await operator.send(xml('message', { to: `${jid}/host1`, type: 'chat', id: 'c1' }, xml('body', {}, 'info')));
    const info = await sees(
      'how it is',
      (stanza) => stanza.name === 'message' && bareOf(stanza.attrs.from ?? '') === jid,
    );
    assert.match(info.getChildText('body') ?? '', /State: running/);
    await operator.send(xml('message', { to: jid, type: 'chat', id: 'c2' }, xml('body', {}, 'poweroff')));
    const asked = await sees('a code', (stanza) => /yes \w{4}/.test(stanza.getChildText('body') ?? ''));
    assert.match(asked.getChildText('body') ?? '', /^guest poweroff fossil may lose/);
    const code = /yes (\w{4})/.exec(asked.getChildText('body') ?? '')?.[1];
    // The code of one guest is none of another's.
    await operator.send(
      xml('message', { to: guestJid('venti'), type: 'chat', id: 'c3' }, xml('body', {}, `yes ${code}`)),
    );
    await sees('a refusal', (stanza) => /no such code/.test(stanza.getChildText('body') ?? ''));
    assert.equal(await state('host1', 'fossil'), 'running');
    await operator.send(xml('message', { to: jid, type: 'chat', id: 'c4' }, xml('body', {}, `yes ${code}`)));
    await sees('fossil, off', isPresence(jid, 'xa'));
    assert.equal(await state('host1', 'fossil'), 'shut off');
  });

  it('says that there is no such guest, by form and in chat', async () => {
    await assert.rejects(run(operator, 'guest.info', { guest: 'vanti' }), /no guest vanti/);
    const sees = watching(operator);
    await operator.send(xml('message', { to: guestJid('vanti'), type: 'chat', id: 'n1' }, xml('body', {}, 'info')));
    await sees('no guest', (stanza) => /no guest vanti/.test(stanza.getChildText('body') ?? ''));
  });

  it('keeps a guest’s address when it moves, and says where it is now', async () => {
    const definition = await rig.virsh('host1', ['dumpxml', 'fossil', '--inactive']);
    const sees = watching(operator);
    await rig.virsh('host1', ['undefine', 'fossil']);
    await rig.define('host2', definition);
    try {
      const presence = await sees('fossil at host2', isPresence(`${guestJid('fossil')}/host2`, 'xa'));
      assert.equal(resourceOf(presence.attrs.from ?? ''), 'host2');
      const guest = (await run(operator, 'guest.info', { guest: 'fossil' })) as SiteGuestRecord;
      assert.equal(guest.host, 'host2');
    } finally {
      await rig.virsh('host2', ['undefine', 'fossil']);
      await rig.define('host1', definition);
    }
    await sees('fossil back at host1', isPresence(`${guestJid('fossil')}/host1`, 'xa'));
  });

  it('carries a verb out on many, with the outcome of each', async () => {
    const table = (await run(
      operator,
      'fleet.run',
      { verb: 'guest.start', where: ['name:cpu*'] },
      { confirmed: true },
    )) as { target: string; outcome: string }[];
    assert.deepEqual(
      table.map(({ target, outcome }) => [target, outcome]),
      [
        ['cpu1', 'done'],
        ['cpu2', 'done'],
      ],
    );
    assert.equal(await state('host2', 'cpu2'), 'running');
    const again = (await run(
      operator,
      'fleet.run',
      { verb: 'guest.start', where: ['name:cpu*', 'host:host2'] },
      { confirmed: true },
    )) as { outcome: string }[];
    assert.deepEqual(
      again.map(({ outcome }) => outcome),
      ['guest-wrong-state', 'guest-wrong-state'],
    );
  });

  it('comes back from kill -9 with what it knew, and goes on with a job that it had begun', async () => {
    await rig.ensureRunning('host2', 'cpu1');
    const begun = (await run(
      operator,
      'guest.shutdown',
      { guest: 'cpu1', waitS: 100 },
      { operation: 'op-kill' },
    )) as Job;
    assert.equal(begun.state, 'running');
    await rig.killCentral();
    // The guest may have begun to boot only now, and answers no button before it is up.
    await until(
      'the job has ended',
      async () => {
        const job = (await run(operator, 'job.info', { job: begun.id }).catch(() => undefined)) as Job | undefined;
        return job !== undefined && job.state !== 'running';
      },
      150_000,
    );
    const job = (await run(operator, 'job.info', { job: begun.id })) as Job;
    assert.equal(job.state, 'done', job.progress);
    assert.equal(await state('host2', 'cpu1'), 'shut off');
    // The same operation again is the same job.
    const again = (await run(
      operator,
      'guest.shutdown',
      { guest: 'cpu1', waitS: 100 },
      { operation: 'op-kill' },
    )) as Job;
    assert.equal(again.id, begun.id);
  }).timeout(240_000);

  it('says that a host cannot be reached, since when, and how its guests were then', async () => {
    const sees = watching(operator);
    await rig.cutLink('host2');
    try {
      await rig.killAgent('host2');
      await until(
        'host2 is unreachable',
        async () => {
          const hosts = (await run(admin, 'host.list', { where: ['state:unreachable'] })) as SiteHostRecord[];
          return hosts.some(({ name }) => name === 'host2');
        },
        150_000,
      );
      await sees('cpu2, gone', isPresence(`${guestJid('cpu2')}/host2`, 'unavailable'));
      const guest = (await run(operator, 'guest.info', { guest: 'cpu2' })) as SiteGuestRecord;
      assert.equal(guest.state, 'running');
      assert.ok(guest.asOf);
      await assert.rejects(run(operator, 'guest.suspend', { guest: 'cpu2' }), /host2 cannot be reached/);
    } finally {
      await rig.mendLink('host2');
    }
    await sees('cpu2, back', isPresence(`${guestJid('cpu2')}/host2`, null));
  }).timeout(240_000);

  it('has its guests back in everybody’s contacts after ejabberd was killed', async () => {
    const sees = watching(operator);
    const back = Promise.withResolvers<void>();
    const off = operator.entity.onStatus(({ status }) => status === 'online' && back.resolve());
    await rig.killEjabberd();
    await back.promise;
    off();
    await operator.send(xml('presence'));
    const isCpu2 = ({ name, attrs }: Element): boolean =>
      name === 'presence' && attrs.from === `${guestJid('cpu2')}/host2` && attrs.type === undefined;
    await sees('cpu2', isCpu2);
    await isHeard('host1');
    await isHeard('host2');
  });

  it('believes reports of the host’s own account alone', async () => {
    const forged = reportElement({
      epoch: Date.now() * 2,
      seq: 1,
      kind: 'snapshot',
      part: 0,
      more: false,
      host: { state: 'up', version: '0' },
      guests: [],
      gone: [],
      jobs: [],
    });
    await assert.rejects(operator.set(rig.central, forged), /may not report/);
    assert.equal(((await run(admin, 'guest.list', {})) as unknown[]).length, GUESTS);
  });

  it('lets a viewer look, and change nothing, by any way', async () => {
    const viewer = await rigPerson(rig, 'viewer');
    try {
      assert.equal(((await run(viewer, 'guest.list', {})) as unknown[]).length, GUESTS);
      await assert.rejects(run(viewer, 'guest.start', { guest: 'venti' }), /viewer@skerry.test may not/);
      const row = guestTable(centralVerbs)['guest.start'];
      assert.ok(row);
      await assert.rejects(runVerb(viewer.entity, guestJid('venti'), 'guest.start', row, {}), /may not/);
      await assert.rejects(
        run(viewer, 'fleet.run', { verb: 'guest.start' }, { confirmed: true }),
        /may not fleet\.run/,
      );
      const agent = rig.agentJid('host1');
      const answers = (): Promise<boolean> =>
        listVerbs(viewer.entity, agent).then(
          () => true,
          () => false,
        );
      await until('the agent is back', answers);
      await assert.rejects(
        runVerb(
          viewer.entity,
          agent,
          'guest.start',
          centralVerbs['guest.start'],
          { guest: 'venti' },
          { behalfOf: 'admin@skerry.test' },
        ),
        /may not ask on behalf of others/,
      );
      const sees = watching(viewer);
      await viewer.send(xml('message', { to: guestJid('venti'), type: 'chat', id: 'v1' }, xml('body', {}, 'start')));
      await sees('a refusal', (stanza) => /may not guest\.start/.test(stanza.getChildText('body') ?? ''));
      assert.equal(await state('host1', 'venti'), 'shut off');
    } finally {
      await viewer.entity.stop();
    }
  });
});
