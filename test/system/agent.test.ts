import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import type { Guest } from '#shared/model/guest.ts';
import type { Host } from '#shared/model/host.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';
import { listVerbs, runVerb } from '#shared/xmpp/commands-client.ts';
import { parseConsole } from '#shared/xmpp/console.ts';
import { isAvailable, type PresenceView, presenceOf, type TestAgent, testAgent } from './support/agent.ts';
import { type Person, person } from './support/person.ts';
import { type TestServer, testServer } from './support/server.ts';

describe('an agent on a server', function () {
  this.timeout(120_000);
  let server: TestServer;
  let agent: TestAgent;
  let admin: Person;
  let viewer: Person;
  let stranger: Person;
  let presence: PresenceView;

  before(async () => {
    server = await testServer({ accounts: ['host1', 'host2', 'admin', 'viewer', 'stranger'] });
    agent = await testAgent(server, {
      name: 'host1',
      driver: { guests: [{ name: 'venti' }, { name: 'fossil', running: true }, { name: 'secret' }] },
      policy: {
        grants: [
          { jid: 'admin@skerry.test', role: 'admin' },
          { jid: 'viewer@skerry.test', role: 'viewer', guests: ['venti', 'fossil'] },
        ],
      },
    });
    admin = await person(server, 'admin');
    viewer = await person(server, 'viewer');
    stranger = await person(server, 'stranger');
    presence = await presenceOf(admin.entity, agent.jid);
    const online = presence.next('the agent', isAvailable);
    await agent.start();
    await online;
  });
  after(async () => {
    await Promise.all([admin, viewer, stranger].map((each) => each?.entity.stop()));
    await agent?.remove();
    await server?.stop();
  });

  const run = <V extends keyof typeof agentVerbs>(verb: V, args: object, by = admin) =>
    runVerb(by.entity, agent.fullJid, verb, agentVerbs[verb], args as Record<string, unknown>);

  it('says in its presence how its host is, as it changes', async () => {
    assert.match(presence.latest?.getChildText('status') ?? '', /^1 of 3 guests running · Fake 1\.0$/);
    const changed = presence.next('two guests running', (stanza) =>
      /^2 of 3/.test(stanza.getChildText('status') ?? ''),
    );
    const { value } = await run('guest.start', { guest: 'venti' });
    assert.equal((value as Guest).state, 'running');
    await changed;
  });

  it('answers what is true after a change', async () => {
    const { value } = await run('guest.suspend', { guest: 'fossil' });
    assert.equal((value as Guest).state, 'paused');
    assert.equal(((await run('guest.info', { guest: 'fossil' })).value as Guest).state, 'paused');
    assert.equal(((await run('guest.resume', { guest: 'fossil' })).value as Guest).state, 'running');
  });

  it('lists to each what each may see and do', async () => {
    const all = (await run('guest.list', {})).value as Guest[];
    assert.deepEqual(
      all.map(({ name }) => name),
      ['fossil', 'secret', 'venti'],
    );
    const some = (await run('guest.list', {}, viewer)).value as Guest[];
    assert.deepEqual(
      some.map(({ name }) => name),
      ['fossil', 'venti'],
    );
    assert.ok(!(await listVerbs(viewer.entity, agent.fullJid)).includes('guest.start'));
    await assert.rejects(run('guest.start', { guest: 'venti' }, viewer), { code: 'not-permitted' });
    await assert.rejects(run('guest.info', { guest: 'secret' }, viewer), { code: 'not-permitted' });
    await assert.rejects(run('host.info', {}, stranger), { code: 'not-permitted' });
  });

  it('lets those see its presence that may see its host, and nobody else', async () => {
    const view = await presenceOf(viewer.entity, agent.jid);
    if (!view.latest || !isAvailable(view.latest)) await view.next('the agent', isAvailable);
    await presenceOf(stranger.entity, agent.jid);
    await stranger.sees('a refusal', ({ name, attrs }) => name === 'presence' && attrs.type === 'unsubscribed');
    assert.ok(
      !stranger.seen.some(({ name, attrs }) => name === 'presence' && attrs.from === agent.fullJid && !attrs.type),
    );
  });

  it('shuts a guest down as a job, and the job says when it is done', async () => {
    const { isJob, value } = await run('guest.shutdown', { guest: 'venti', waitS: 60 });
    assert.ok(isJob);
    const { id } = value as { id: string };
    for (;;) {
      const job = (await run('job.info', { job: id })).value as { state: string; progress: string };
      if (job.state === 'done') break;
      assert.equal(job.state, 'running', job.progress);
    }
    assert.equal(((await run('guest.info', { guest: 'venti' })).value as Guest).state, 'shutoff');
  });

  it('keeps a console: what was written, what is typed, and what is written to those who watch', async () => {
    const { value } = await run('console.read', { guest: 'fossil' });
    assert.match((value as { text: string }).text, /fossil:~#/);
    await run('console.watch', { guest: 'fossil' });
    await run('console.send', { guest: 'fossil', text: 'echo over\\x20here' });
    let seen = '';
    await admin.sees('the echo', (stanza) => {
      const chunk = parseConsole(stanza);
      if (chunk) seen = admin.seen.map((each) => Buffer.from(parseConsole(each)?.bytes ?? '').toString()).join('');
      return seen.includes('\nover here\r\n');
    });
  });

  it('says how its host is', async () => {
    const host = (await run('host.info', {})).value as Host;
    assert.equal(host.state, 'up');
    assert.equal(host.guests, 3);
    const [health] = (await run('host.health', {})).value as { memoryMiB: number; uptimeS: number }[];
    assert.ok(health && health.memoryMiB > 0 && health.uptimeS > 0);
    const findings = (await run('host.doctor', {})).value as { check: string; verdict: string; mend?: string }[];
    assert.deepEqual(
      findings.filter(({ verdict }) => verdict === 'wrong'),
      [],
    );
  });

  it('ends well at SIGTERM, and knows its guests when it starts again', async () => {
    const gone = presence.next('the end', ({ attrs }) => attrs.type === 'unavailable');
    await run('guest.start', { guest: 'secret' });
    assert.equal(await agent.stop(), 0);
    await gone;
    const back = presence.next('the agent', isAvailable);
    await agent.start();
    await back;
    assert.equal(((await run('guest.info', { guest: 'secret' })).value as Guest).state, 'running');
    const ends = agent.logged.filter(({ level }) => (level as number) >= 50);
    assert.deepEqual(ends, [], 'nothing went wrong');
  });

  it('outlives its server, and comes back to it', async () => {
    await server.kill9();
    await server.start();
    const back = Promise.withResolvers<void>();
    const off = admin.entity.onStatus(({ status }) => status === 'online' && back.resolve());
    if (!admin.entity.isOnline) await back.promise;
    off();
    const again = await presenceOf(admin.entity, agent.jid);
    if (!again.latest || !isAvailable(again.latest)) await again.next('the agent', isAvailable);
    assert.equal(((await run('guest.info', { guest: 'secret' })).value as Guest).state, 'running');
  });

  it('answers while its hypervisor does not, says so, and changes nothing', async () => {
    const lame = await testAgent(server, {
      name: 'host2',
      driver: { kind: 'libvirt', uri: 'qemu+unix:///system?socket=/nonexistent/sock' },
      policy: { grants: [{ jid: 'admin@skerry.test', role: 'admin' }] },
    });
    try {
      const view = await presenceOf(admin.entity, lame.jid);
      const online = view.next('the agent, away', (stanza) => stanza.getChildText('show') === 'away');
      await lame.start();
      assert.match((await online).getChildText('status') ?? '', /hypervisor does not answer/);
      const ask = <V extends keyof typeof agentVerbs>(verb: V, args: Record<string, unknown>) =>
        runVerb(admin.entity, lame.fullJid, verb, agentVerbs[verb], args);
      assert.equal(((await ask('host.info', {})).value as Host).state, 'degraded');
      await assert.rejects(ask('guest.list', {}), { code: 'host-unreachable' });
      await assert.rejects(ask('guest.start', { guest: 'venti' }), { code: 'host-unreachable' });
      const findings = (await ask('host.doctor', {})).value as { check: string; verdict: string; mend?: string }[];
      const wrong = findings.filter(({ verdict }) => verdict === 'wrong');
      assert.ok(wrong.some(({ check, mend }) => check === 'hypervisor' && mend !== undefined));
      assert.equal(await lame.stop(), 0);
    } finally {
      await lame.remove();
    }
  });

  it('refuses a configuration that is wrong, and says what, and where', async () => {
    const file = join(agent.folder, 'wrong.yaml');
    await writeFile(
      file,
      'jid: host1@skerry.test\ncredentials: open.json\nservice: { host: a }\nstate: s\ndriver:\n  kind: fake\n  gests: 3\n',
    );
    assert.match(await refusal(file), /wrong\.yaml: line 7: driver: there is no key gests/);
    await writeFile(
      file,
      'jid: host1@skerry.test\ncredentials: open.json\nservice: { host: a }\nstate: s\ndriver: { kind: fake }\n',
    );
    await writeFile(join(agent.folder, 'open.json'), '{"jid":"host1@skerry.test","password":"x"}');
    await chmod(join(agent.folder, 'open.json'), 0o644);
    assert.match(await refusal(file), /open\.json: others can read it: chmod 600/);
    await writeFile(
      file,
      'jid: host1@skerry.test\ncredentials: open.json\nservice: { host: a }\nstate: s\ndriver: { kind: libvirt, uri: vmware:///x }\n',
    );
    assert.match(await refusal(file), /wrong\.yaml: line 5: driver.*uri.*"vmware:\/\/\/x" is not one of qemu/);
  });
});

async function refusal(file: string): Promise<string> {
  const main = new URL('../../agent/main.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [main, '--config', file, '--check'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.on('data', (bytes: Buffer) => {
    said += bytes;
  });
  const [code] = await once(child, 'close');
  assert.equal(code, 78, said);
  return said;
}
