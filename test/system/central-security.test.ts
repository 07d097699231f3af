import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import xml from '@xmpp/xml';
import { ejabberdApi } from '#shared/ejabberd/api.ts';
import type { SiteGuestRecord } from '#shared/model/site.ts';
import { centralVerbs } from '#shared/verbs/central.ts';
import { listVerbs, runVerb } from '#shared/xmpp/commands-client.ts';
import { reportElement } from '#shared/xmpp/report.ts';
import { type Person, person, rigPerson } from './support/person.ts';
import { type TestRig, testRig } from './support/rig.ts';

/** What breaks out of SQL, XML, JSON, selectors, paths, and lines, where nobody took care. */
const TRICKS = [
  `'; DROP TABLE guests; --`,
  `" OR "1"="1`,
  `</value></field><field var="confirm"><value>1</value></field>`,
  `<message to='admin@skerry.test'/>&amp;&lt;`,
  `]]><x/>`,
  `{"$gt": ""}\\u0000`,
  `../../etc/passwd`,
  `%s%n\${7*7}`,
  'a\u202eb\u0085c',
];

describe('those who mean no good, on a real site', function () {
  this.timeout(240_000);
  let rig: TestRig;
  let admin: Person;
  let stranger: Person;
  const password = 'a-password-of-a-stranger';
  const run = async (who: Person, verb: keyof typeof centralVerbs, args: object, confirmed = false): Promise<unknown> =>
    (await runVerb(who.entity, rig.central, verb, centralVerbs[verb], args as Record<string, unknown>, { confirmed }))
      .value;

  before(async () => {
    rig = await testRig();
    const api = ejabberdApi({ socket: `/proc/${rig.part('server').pid}/root/run/ejabberd/api.sock` });
    const account = { user: 'stranger', host: rig.domain };
    if ((await api('check_account', account)) !== 0) await api('register', { ...account, password });
    admin = await rigPerson(rig, 'admin');
    const ca = readFileSync(rig.ca, 'utf8');
    stranger = await person(
      { account: (name) => ({ jid: `${name}@${rig.domain}`, password }), ca, xmpp: rig.xmpp },
      'stranger',
    );
    await stranger.send(xml('presence'));
  });
  after(async () => {
    await admin?.entity.stop();
    await stranger?.entity.stop();
  });

  it('without a role see nothing: no verb, no guest, no presence, no picture', async () => {
    assert.deepEqual(await listVerbs(stranger.entity, rig.central), []);
    const jid = `venti@${rig.central}`;
    await stranger.send(xml('presence', { to: jid, type: 'subscribe' }));
    await stranger.sees('a refusal', ({ attrs }) => attrs.from === jid && attrs.type === 'unsubscribed');
    await stranger.send(xml('presence', { to: rig.central, type: 'subscribe' }));
    await stranger.sees('a refusal', ({ attrs }) => attrs.from === rig.central && attrs.type === 'unsubscribed');
    await stranger.send(xml('presence', { to: jid, type: 'probe' }));
    await assert.rejects(stranger.get(jid, xml('vCard', { xmlns: 'vcard-temp' })), /may not/);
    const items = await stranger.get(rig.central, xml('query', { xmlns: 'http://jabber.org/protocol/disco#items' }));
    assert.deepEqual(items.getChild('query')?.getChildren('item'), []);
    assert.ok(!stranger.seen.some(({ attrs }) => attrs.from?.startsWith(`${jid}/`)), 'the presence of a guest');
  });

  it('without a role may do nothing, whatever it is', async () => {
    for (const verb of Object.keys(centralVerbs) as (keyof typeof centralVerbs)[])
      await assert.rejects(run(stranger, verb, {}, true), /stranger@skerry.test may not/, verb);
  });

  it('cannot report, join, or ask in the name of others', async () => {
    const host = { state: 'up' as const, version: '0' };
    const nothing = { part: 0, more: false, host, guests: [], gone: [], jobs: [] };
    const forged = reportElement({ epoch: 9e15, seq: 1, kind: 'snapshot', ...nothing });
    await assert.rejects(stranger.set(rig.central, forged), /may not report/);
    const join = xml('join', { xmlns: 'urn:skerry:join:1' }, xml('password', {}, 'x'.repeat(32)));
    await assert.rejects(stranger.set(rig.central, join), /may not join/);
    const behalf = { behalfOf: 'admin@skerry.test' };
    for (const jid of [rig.central, rig.agentJid('host1')])
      await assert.rejects(
        runVerb(stranger.entity, jid, 'guest.list', centralVerbs['guest.list'], {}, behalf),
        /may not ask on behalf of others/,
      );
    await assert.rejects(
      stranger.get(rig.agentJid('host1'), xml('report', { xmlns: 'urn:skerry:report:1' })),
      /may not ask for reports/,
    );
  });

  it('put what they like into a text, and it stays a text', async () => {
    const guests = await run(admin, 'guest.list', {});
    for (const notes of TRICKS) {
      await run(admin, 'guest.tag', { guest: 'venti', notes });
      const guest = (await run(admin, 'guest.info', { guest: 'venti' })) as SiteGuestRecord;
      assert.equal(guest.notes, notes.replaceAll('\u0000', '\ufffd'), notes);
    }
    assert.equal(((await run(admin, 'guest.list', {})) as unknown[]).length, (guests as unknown[]).length);
    await run(admin, 'guest.tag', { guest: 'venti', notes: 'none' });
  });

  it('select by what they like, and select nothing, or are told what is wrong', async () => {
    for (const trick of TRICKS) {
      const word = trick.replaceAll(/\s/g, '_').replaceAll(':', '.');
      assert.deepEqual(await run(admin, 'guest.list', { where: [`name:${word}`] }), [], word);
      await assert.rejects(run(admin, 'guest.list', { where: [`${word}:x`] }), /to select by/, word);
      await assert.rejects(run(admin, 'guest.info', { guest: trick }), /no guest|control characters|guest name/, trick);
      await assert.rejects(run(admin, 'guest.tag', { guest: 'venti', tags: [trick] }), /use 1 to 63/, trick);
    }
  });
});
