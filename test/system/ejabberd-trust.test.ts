import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect, type SecureVersion } from 'node:tls';
import xml from '@xmpp/xml';
import { after, before, describe, it } from 'mocha';
import { component, person } from './support/person.ts';
import { rawStream, rawTlsStream } from './support/raw-stream.ts';
import { type TestServer, testServer } from './support/server.ts';

const SECRETS = { 'central.skerry.test': 'the secret of central', 'other.skerry.test': 'the secret of the other' };
const REGISTER = (user: string): string =>
  `<iq type='set' id='r1'><query xmlns='jabber:iq:register'><username>${user}</username><password>x</password></query></iq>`;
function unlessGone(error: NodeJS.ErrnoException): string {
  if (error.code !== 'ENOENT') throw error;
  return '';
}
const mechanismsIn = (features: string): string[] =>
  [...features.matchAll(/<mechanism>([^<]*)</g)].map((found) => found[1] ?? '');

describe('ejabberd: whom it trusts', function () {
  this.timeout(180_000);
  let server: TestServer;
  before(async () => {
    server = await testServer({ accounts: ['alice', 'host1'], components: SECRETS });
  });
  after(() => server.stop());

  it('offers nothing but STARTTLS before TLS', async () => {
    const stream = await rawStream(server);
    assert.match(stream.features, /<starttls[^>]*><required\/>/);
    assert.deepEqual(mechanismsIn(stream.features), []);
    stream.close();
  });

  it('takes no login and no stanza before TLS', async () => {
    const auth =
      "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-1'>biwsbj1hbGljZSxyPWFiY2Q=</auth>";
    for (const said of [auth, REGISTER('mallory')]) {
      const stream = await rawStream(server);
      const answer = await stream.say(said, /<failure.*<\/failure>|<stream:error.*<\/stream:error>/s);
      assert.match(answer, /encryption-required|policy-violation|not-authorized/);
      assert.doesNotMatch(answer, /challenge|success|type='result'/);
      stream.close();
    }
  });

  it('refuses TLS before 1.2', async () => {
    const dial = async (version: SecureVersion): Promise<string | null> => {
      const socket = connect({
        port: server.xmpp.directTlsPort,
        ca: server.ca,
        servername: server.domain,
        minVersion: version,
        maxVersion: version,
        // This end is willing to.
        ciphers: 'DEFAULT@SECLEVEL=0',
      });
      await once(socket, 'secureConnect');
      const agreed = socket.getProtocol();
      socket.destroy();
      return agreed;
    };
    assert.equal(await dial('TLSv1.2'), 'TLSv1.2');
    await assert.rejects(dial('TLSv1.1'));
    await assert.rejects(dial('TLSv1'));
  });

  it('shows a certificate of the site, for the domain', async () => {
    const { directTlsPort: port } = server.xmpp;
    const right = connect({ port, ca: server.ca, servername: server.domain });
    await once(right, 'secureConnect');
    right.destroy();
    await assert.rejects(once(connect({ port, servername: server.domain }), 'secureConnect'), /verif/);
    const wrong = connect({ port, ca: server.ca, servername: 'elsewhere.test' });
    await assert.rejects(once(wrong, 'secureConnect'), /altnames/);
  });

  it('offers SCRAM and nothing else after TLS', async () => {
    const stream = await rawTlsStream(server);
    assert.deepEqual(
      mechanismsIn(stream.features).filter((name) => !name.endsWith('-PLUS')),
      ['SCRAM-SHA-1'],
    );
    for (const mechanism of ['PLAIN', 'DIGEST-MD5', 'ANONYMOUS', 'EXTERNAL']) {
      const answer = await stream.say(
        `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='${mechanism}'>AGFsaWNlAHB3LWFsaWNl</auth>`,
        /<failure.*<\/failure>|<success/,
      );
      assert.match(answer, /<failure/, mechanism);
    }
    stream.close();
  });

  it('registers nobody who asks for it, with or without an account', async () => {
    const stream = await rawTlsStream(server);
    assert.doesNotMatch(stream.features, /register/);
    assert.doesNotMatch(await stream.say(REGISTER('mallory'), /<failure|<stream:error|<iq/), /type='result'/);
    stream.close();
    const alice = await person(server, 'alice');
    const query = xml(
      'query',
      { xmlns: 'jabber:iq:register' },
      xml('username', {}, 'mallory'),
      xml('password', {}, 'x'),
    );
    await assert.rejects(alice.set(server.domain, query), { name: 'StanzaError' });
    await alice.entity.stop();
    assert.deepEqual((await server.api('registered_users', { host: server.domain })).sort(), ['alice', 'host1']);
  });

  it('keeps no password, and logs none', async () => {
    await server.api('register', { user: 'carol', host: server.domain, password: 'Tell-nobody-1' });
    await server.api('change_password', { user: 'carol', host: server.domain, newpass: 'Tell-nobody-2' });
    await server.restart();
    await server.api('unregister', { user: 'carol', host: server.domain });
    const folder = join(server.folder, 'ejabberd');
    const files = await readdir(folder, { recursive: true, withFileTypes: true });
    const texts = files
      .filter((file) => file.isFile())
      // The database puts files of its own away as it goes on.
      .map((file) => readFile(join(file.parentPath, file.name), 'latin1').catch(unlessGone));
    assert.ok(texts.length > 10);
    for (const text of await Promise.all(texts)) assert.doesNotMatch(text, /Tell-nobody/);
  });

  it('lets central speak for the server, and no other component', async () => {
    const isPrivilege = (stanza: { getChild(name: string, xmlns: string): unknown }): boolean =>
      stanza.getChild('privilege', 'urn:xmpp:privilege:1') !== undefined;
    const central = await component(server, 'central.skerry.test', SECRETS['central.skerry.test']);
    const told = await central.sees('its privileges', isPrivilege);
    assert.match(String(told), /access="roster" type="both"|type="both" access="roster"/);
    const other = await component(server, 'other.skerry.test', SECRETS['other.skerry.test']);
    await other.send(xml('message', { from: 'other.skerry.test', to: 'me@other.skerry.test', id: 'end' }));
    await other.sees('its own message', (got) => got.attrs.id === 'end');
    assert.ok(!other.seen.some(isPrivilege));
    await other.entity.stop();
    await central.entity.stop();
  });

  it('gives each component its own domain, by its own secret', async () => {
    const [central, other] = Object.keys(SECRETS) as [keyof typeof SECRETS, keyof typeof SECRETS];
    await assert.rejects(component(server, central, SECRETS[other]), { code: 'login-refused' });
    await assert.rejects(component(server, 'third.skerry.test', SECRETS[other]), { code: /login-refused|server-/ });
    const mine = await component(server, central, SECRETS[central]);
    const alice = await person(server, 'alice');
    const to = (domain: string) =>
      xml('message', { to: `x@${domain}`, type: 'chat', id: domain }, xml('body', {}, 'hello'));
    await alice.send(to(other));
    await alice.send(to(central));
    // Nobody speaks for the other at the moment.
    await alice.sees('that the other is not there', (got) => got.attrs.id === other && got.attrs.type === 'error');
    await mine.sees('its own', (got) => got.attrs.id === central);
    assert.ok(mine.seen.every((got) => got.attrs.id !== other));
    await alice.entity.stop();
    await mine.entity.stop();
  });

  it('speaks with no other server, and looks none up', async () => {
    const alice = await person(server, 'alice');
    await alice.send(xml('message', { to: 'bob@example.org', type: 'chat', id: 's2s' }, xml('body', {}, 'hello')));
    const answer = await alice.sees('the refusal', (got) => got.attrs.id === 's2s');
    assert.equal(answer.attrs.type, 'error');
    assert.ok(answer.getChild('error')?.getChild('forbidden'), String(answer));
    await alice.entity.stop();
  });

  it('can be told to use SCRAM-SHA-256', async () => {
    const other = await testServer({ accounts: ['alice'], scram: 'sha256' });
    const stream = await rawTlsStream(other);
    assert.deepEqual(
      mechanismsIn(stream.features).filter((name) => !name.endsWith('-PLUS')),
      ['SCRAM-SHA-256'],
    );
    stream.close();
    await (await person(other, 'alice')).entity.stop();
    await other.stop();
  });
});
