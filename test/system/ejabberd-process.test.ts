import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import xml from '@xmpp/xml';
import { after, before, describe, it } from 'mocha';
import { freePorts } from '#provisioning/ejabberd/free-ports.ts';
import { startEjabberd } from '#provisioning/ejabberd/server.ts';
import { processId } from '#provisioning/rig/processes.ts';
import { listening } from './support/listening.ts';
import { person } from './support/person.ts';
import { type TestServer, testServer } from './support/server.ts';

const OWNER = fileURLToPath(new URL('support/server-owner.ts', import.meta.url));

/** Whether a text is in the files of its database. */
async function isWritten(server: TestServer, text: string): Promise<boolean> {
  const folder = join(server.folder, 'ejabberd/spool');
  const names = (await readdir(folder)).filter((name) => /\.(LOG|DCL|DCD|DAT)$/.test(name));
  const texts = names.map((name) => readFile(join(folder, name), 'latin1').catch(() => ''));
  return (await Promise.all(texts)).some((each) => each.includes(text));
}

describe('ejabberd: a child process', function () {
  this.timeout(180_000);
  let server: TestServer;
  before(async () => {
    server = await testServer({
      accounts: ['alice', 'bob'],
      components: { 'central.skerry.test': 'a secret of central' },
    });
  });
  after(() => server.stop());

  it('listens where it is told to, and nowhere else', async () => {
    const { port, directTlsPort, websocketUrl } = server.xmpp;
    const ports = [port, directTlsPort, Number(new URL(websocketUrl).port), server.componentPort];
    const expected = [...ports.map((each) => `127.0.0.1:${each}`), join(server.folder, 'api.sock')].sort();
    assert.deepEqual(await listening(server.pid), expected);
  });

  it('keeps accounts and contacts through kill -9', async () => {
    const roster = xml('query', { xmlns: 'jabber:iq:roster' });
    const before = await person(server, 'alice');
    const item = xml('item', { jid: 'bob@skerry.test', name: 'Bob the contact' });
    await before.set(undefined, xml('query', { xmlns: 'jabber:iq:roster' }, item));
    await before.entity.stop();
    // Mnesia writes up to 2 s later what it has said is done.
    while (!(await isWritten(server, 'Bob the contact'))) await delay(50);
    for (let times = 0; times < 3; times++) {
      await server.kill9();
      await server.start();
    }
    const later = await person(server, 'alice');
    assert.match(String(await later.get(undefined, roster)), /jid="bob@skerry\.test"/);
    await later.entity.stop();
  });

  it('says what keeps it from coming up', async () => {
    const [port = 0] = await freePorts(1);
    const options = {
      domain: 'skerry.test',
      folder: join(server.folder, 'second'),
      certificate: join(server.folder, 'pki/server.pem'),
      listen: {
        starttls: [{ ip: '127.0.0.1', port: server.xmpp.port }],
        directTls: [],
        http: [],
        component: [],
        api: [{ socket: join(server.folder, 'second.sock') }],
      },
    };
    await assert.rejects(startEjabberd(options), {
      code: 'setup-needed',
      message: new RegExp(`127\\.0\\.0\\.1:${server.xmpp.port} .*address already in use`),
    });
    const free = { ...options, listen: { ...options.listen, starttls: [{ ip: '127.0.0.1', port }] } };
    await assert.rejects(startEjabberd({ ...free, certificate: '/nowhere.pem' }), {
      code: 'config-invalid',
      message: /nowhere\.pem/,
    });
    await assert.rejects(startEjabberd({ ...free, prefix: ['/nowhere/program'] }), { message: /nowhere\/program/ });
  });

  it('has a cookie of its own that nobody else reads', async () => {
    const cookie = join(server.folder, 'ejabberd/.erlang.cookie');
    const { mode } = await stat(cookie);
    assert.equal(mode & 0o777, 0o400);
    assert.match(await readFile(cookie, 'utf8'), /^[0-9a-f]{48}$/);
  });

  it('dies with who started it', async () => {
    const owner = fork(OWNER, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const [{ pid, folder }] = (await once(owner, 'message')) as [{ pid: number; folder: string }];
    assert.ok(existsSync(`/proc/${pid}`));
    owner.kill('SIGKILL');
    await once(owner, 'exit');
    // Its end is not told to us, who are not its parent; whoever is may be slow to bury it.
    while (processId(pid) !== undefined) await delay(20);
    await rm(folder, { recursive: true });
  });
});
