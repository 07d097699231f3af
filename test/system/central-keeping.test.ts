import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readdir, rename, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePorts } from '#provisioning/ejabberd/free-ports.ts';
import { Failure } from '#shared/errors.ts';
import type { SiteGuestRecord } from '#shared/model/site.ts';
import type { BackupRecord } from '#shared/verbs/backup.ts';
import { centralVerbs } from '#shared/verbs/central.ts';
import { runVerb } from '#shared/xmpp/commands-client.ts';
import { type TestAgent, testAgent } from './support/agent.ts';
import { CENTRAL, CENTRAL_SECRET, type TestCentral, testCentral } from './support/central.ts';
import { listening } from './support/listening.ts';
import { type Person, person } from './support/person.ts';
import { type TestServer, testServer } from './support/server.ts';
import { until } from './support/until.ts';

type VerbId = keyof typeof centralVerbs;

const run = promisify(execFile);
const SKERRY = new URL('../../cli/main.ts', import.meta.url).pathname;
const STATE_BYTES = 4 * 1024 * 1024;

/** Its state folder is a file system of its own, which goes with it: small enough to be filled. */
const onSmallDisk = (folder: string): readonly string[] => [
  'unshare',
  '--mount',
  'sh',
  '-c',
  'mount -t tmpfs -o "size=$1,mode=0700" none "$2" && shift 2 && exec "$@"',
  'sh',
  String(STATE_BYTES),
  join(folder, 'state'),
];

describe('what central keeps', function () {
  this.timeout(120_000);
  let server: TestServer;
  let agent: TestAgent;
  let admin: Person;
  let central: TestCentral | undefined;
  let agentPort = 0;

  before(async () => {
    server = await testServer({ accounts: ['host1', 'admin'], components: { [CENTRAL]: CENTRAL_SECRET } });
    [agentPort = 0] = await freePorts(1);
    agent = await testAgent(server, {
      name: 'host1',
      driver: { guests: [{ name: 'venti' }, { name: 'fossil', running: true }] },
      policy: { roles: {}, grants: [{ jid: 'admin@skerry.test', role: 'admin' }] },
      central: CENTRAL,
      metrics: { port: agentPort },
    });
    admin = await person(server, 'admin');
    await agent.start();
  });
  afterEach(async () => {
    await central?.remove();
    central = undefined;
  });
  after(async () => {
    await admin?.entity.stop();
    await agent?.remove();
    await server?.stop();
  });

  const begin = async (more: { config?: object; command?: typeof onSmallDisk } = {}): Promise<TestCentral> => {
    const policy = { roles: {}, grants: [{ jid: 'admin@skerry.test', role: 'admin' }] };
    central = await testCentral(server, {
      config: { hosts: ['host1'], policy, ...more.config },
      ...(more.command ? { command: more.command } : {}),
    });
    await central.start();
    await until('the guests are known', async () => guestOf('venti').catch(() => undefined));
    return central;
  };
  const ask = async (verb: VerbId, args: Record<string, unknown> = {}): Promise<unknown> =>
    (await runVerb(admin.entity, CENTRAL, verb, centralVerbs[verb], args, { confirmed: true })).value;
  const guestOf = async (guest: string): Promise<SiteGuestRecord> =>
    (await ask('guest.info', { guest })) as SiteGuestRecord;
  const metricsAt = async (port: number, path = '/metrics'): Promise<string> =>
    (await fetch(`http://127.0.0.1:${port}${path}`)).text();

  it('is copied while it runs, and brought back: what was known then, and hosts as they are now', async () => {
    const { folder, configFile, state } = await begin();
    await ask('guest.tag', { guest: 'venti', tags: ['before'] });
    const taken = (await ask('backup.take')) as BackupRecord;
    assert.equal((await stat(taken.file)).mode & 0o777, 0o600);
    assert.equal((await stat(taken.file)).size, taken.bytes);
    assert.deepEqual(await ask('backup.list'), [taken]);
    await ask('guest.tag', { guest: 'venti', tags: ['after'] });
    await ask('guest.start', { guest: 'venti' });

    const restoring = ['restore', '--backup', taken.file, '--central', configFile];
    await assert.rejects(run(process.execPath, [SKERRY, ...restoring]), /another central uses it/);
    assert.deepEqual((await guestOf('venti')).tags, ['before', 'after'], 'nothing was changed');
    await central?.stop();
    const { stdout } = await run(process.execPath, [SKERRY, ...restoring]);
    assert.match(stdout, /Central is as it was in .*\.sqlite\. What it knew until now is in .*before-/);
    await central?.start();
    const venti = await until('venti is known as it is now', async () => {
      const known = await guestOf('venti').catch(() => undefined);
      return known?.state === 'running' ? known : undefined;
    });
    assert.deepEqual(venti.tags, ['before']);
    assert.equal(((await ask('audit.verify')) as { whole: boolean }).whole, true);
    const kept = (await readdir(state)).filter((name) => name.includes('.before-'));
    assert.equal(kept.length, 1, `in ${folder}`);
    await ask('guest.poweroff', { guest: 'venti' });
  });

  it('is not brought back from what is no whole backup', async () => {
    const { configFile, folder } = await begin();
    await ask('guest.tag', { guest: 'venti', tags: ['kept'] });
    const { file } = (await ask('backup.take')) as BackupRecord;
    await central?.stop();
    const broken = join(folder, 'broken.sqlite');
    await rename(file, broken);
    await writeFile(broken, 'this is none', { flag: 'r+' });
    const restoring = ['restore', '--backup', broken, '--central', configFile];
    await assert.rejects(run(process.execPath, [SKERRY, ...restoring]), /broken\.sqlite: file is not a database/);
    await central?.start();
    const venti = await until('central answers', async () => guestOf('venti').catch(() => undefined));
    assert.deepEqual(venti.tags, ['kept']);
  });

  it('keeps the newest backups only', async () => {
    await begin();
    const files: string[] = [];
    for (let n = 0; n < 3; n++) files.push(((await ask('backup.take', { keep: 2 })) as BackupRecord).file);
    const left = ((await ask('backup.list')) as BackupRecord[]).map(({ file }) => file);
    assert.deepEqual(left, files.slice(1).reverse());
  });

  it('refuses changes while the disk is full, goes on answering, and takes them when there is room', async () => {
    const { pid, state } = await begin({ command: onSmallDisk });
    // Central's own view of the disk, by its mount namespace.
    const filler = `/proc/${pid}/root${state}/filler`;
    await run('sh', ['-c', 'cat /dev/zero > "$1" || true', 'sh', filler]);
    const full = await until('a change finds no room', async () => {
      const long = 'x'.repeat(2_000);
      const failure = await ask('guest.tag', { guest: 'venti', notes: long }).then(
        () => undefined,
        (error: Failure) => error,
      );
      return failure;
    });
    assert.ok(full instanceof Failure);
    assert.equal(full.code, 'host-space');
    assert.equal((await guestOf('fossil')).state, 'running', 'what only reads is answered');
    await run('rm', [filler]);
    await until('a change is taken', async () =>
      ask('guest.tag', { guest: 'venti', tags: ['again'] }).then(
        () => true,
        () => undefined,
      ),
    );
    await central?.kill9();
  });

  it('is told to Prometheus, on loopback alone, by agent and central', async () => {
    const [centralPort = 0] = await freePorts(1);
    const { pid } = await begin({ config: { metrics: { port: centralPort } } });
    assert.deepEqual(await listening(pid), [`127.0.0.1:${centralPort}`]);
    await assert.rejects(ask('guest.start', { guest: 'nobody' }), (error: Failure) => error.code === 'guest-not-found');
    const text = await metricsAt(centralPort);
    assert.match(text, /^skerry_online 1$/m);
    assert.match(text, /^skerry_guests\{state="running"\} 1$/m);
    assert.match(text, /^skerry_hosts\{reach="heard"\} 1$/m);
    assert.match(text, /^skerry_verbs_total\{verb="guest\.start",surface="form",outcome="guest-not-found"\} 1$/m);
    assert.match(text, /^process_resident_memory_bytes \d+$/m);
    await ask('guest.start', { guest: 'venti' });
    const atHost = await metricsAt(agentPort);
    assert.match(atHost, /^skerry_hypervisor_up 1$/m);
    assert.match(atHost, /^skerry_guests\{state="running"\} 2$/m);
    assert.match(atHost, /^skerry_verbs_total\{verb="guest\.start",surface="\w+",outcome="done"\} \d+$/m);
    assert.match(await metricsAt(agentPort, '/'), /only \/metrics/);
    await ask('guest.poweroff', { guest: 'venti' });
  });

  it('says which port is taken when its metrics cannot be told', async () => {
    const squatter = createServer().listen(0, '127.0.0.1');
    await once(squatter, 'listening');
    const { port } = squatter.address() as { port: number };
    try {
      central = await testCentral(server, { config: { metrics: { port } } });
      await assert.rejects(central.start(), /central ended with 1$/);
    } finally {
      squatter.close();
    }
  });
});
