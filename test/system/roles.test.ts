import assert from 'node:assert/strict';
import { after, before, describe, it } from 'mocha';
import { debianRoot, type Suite } from './support/debian-root.ts';
import { until } from './support/until.ts';
import { joinZones, startZone, type Zone } from './support/zone.ts';

const PREFIX = '10.91.0';
const ADMIN = 'ada@example.org';
const HEARD_MS_MAX = 120_000;

/** `npm run test:roles` does it on each Debian; one is enough for every day. */
const SUITES = (process.env.SKERRY_SUITES ?? 'bookworm').split(' ') as Suite[];

for (const suite of SUITES)
  describe(`roles on clean machines, ${suite}`, function () {
    this.timeout(900_000);
    let centre: Zone;
    let far: Zone;
    before(async function () {
      if (process.getuid?.() !== 0) this.skip();
      const root = await debianRoot(suite);
      [centre, far] = await Promise.all([startZone('centre', root), startZone('far', root)]);
      await joinZones([centre, far], PREFIX);
      for (const zone of [centre, far])
        await zone.run(['tee', '-a', '/etc/hosts'], `${PREFIX}.1 xmpp.example.org example.org\n`);
    });
    after(async () => {
      await Promise.all([centre?.stop(), far?.stop()]);
    });

    type Install = (...more: string[]) => ReturnType<Zone['skerry']>;
    /** What --check says is what is done; and then nothing is left to do. */
    const isRepeatable = async (install: Install): Promise<string[]> => {
      const checked = await install('--check');
      assert.equal(checked.exitCode, 1, checked.stderr);
      const first = await install();
      assert.equal(first.exitCode, 0, first.stderr);
      assert.deepEqual(
        checked.lines,
        first.lines.map((line) => `would ${line}`),
      );
      const again = await install();
      assert.deepEqual([again.exitCode, again.lines], [0, []], again.stderr);
      assert.equal((await install('--check')).exitCode, 0);
      return first.lines;
    };
    const installs =
      (zone: Zone, ...words: string[]): Install =>
      (...more) =>
        zone.skerry('install', ...words, ...more);
    const isActive = async (zone: Zone, unit: string): Promise<boolean> =>
      (await zone.run(['systemctl', 'is-active', unit])).stdout === 'active';
    const heard = (host: string): Promise<true> =>
      until(
        `${host} is up`,
        async () => {
          const { lines } = await centre.skerry('host', 'list', '--json');
          const found = JSON.parse(lines.join('') || '[]') as { name: string; state: string }[];
          return found.some(({ name, state }) => name === host && state === 'up') || undefined;
        },
        HEARD_MS_MAX,
      );

    it('a machine becomes the server, and again nothing changes', async () => {
      const lines = await isRepeatable(
        installs(centre, 'server', '--domain', 'example.org', '--name', 'xmpp.example.org'),
      );
      assert.ok(lines.includes('start ejabberd.service'), lines.join('\n'));
      const { stdout } = await centre.run(['ss', '-Hltn']);
      const open = [...stdout.matchAll(/(\S+):(\d+)\s+\S+:\*/g)].map(([, at, port]) => `${at} ${port}`);
      // Erlang's own, and components, are for this machine alone.
      for (const port of ['4369', '5210', '5275'])
        assert.ok(
          open.filter((each) => each.endsWith(` ${port}`)).every((each) => each.startsWith('127.0.0.1')),
          open.join(', '),
        );
    });

    it('then central, whose administrator speaks to it at once', async () => {
      await isRepeatable(installs(centre, 'central', '--admin', ADMIN));
      assert.ok(await isActive(centre, 'skerry-central'));
      const told = await centre.skerry('role', 'who', 'guest.start');
      assert.match(told.lines.join('\n'), /ada@example\.org/, told.stderr);
    });

    it('a host joins by the one line that central answers with', async () => {
      const { lines, stderr } = await centre.skerry('host', 'enrol', 'far', '--json');
      const { command } = JSON.parse(lines.join('')) as { command: string };
      assert.ok(command, stderr);
      const [, token = '', rest = ''] = /^echo (far@example\.org:\S+) \| \.\/skerry install (.*)$/.exec(command) ?? [];
      const words = rest.split(' ');
      assert.ok(token !== '' && !rest.includes(token), 'the token is no word of a program');
      const typed =
        (...given: string[]): Install =>
        (...more) =>
          far.skerryWith(`${token}\n`, 'install', ...given, ...more);
      const wrong = words.map((word) => (word.startsWith('sha256:') ? `sha256:${'0'.repeat(64)}` : word));
      const refused = await typed(...wrong)();
      assert.match(refused.stderr, /none of the 2 certificates that it sends has the digest/);
      const done = await isRepeatable(typed(...words));
      assert.ok(done.some((line) => line.startsWith('join as far@example.org')));
      await heard('far');
      assert.doesNotMatch((await far.run(['journalctl', '-u', 'skerry-agent', '--no-pager'])).stdout, /"level":[56]0/);
    });

    it('an upgrade starts what has changed anew, and keeps what it knows', async () => {
      await far.run(['touch', '/opt/skerry/agent/main.ts']);
      const { lines, stderr } = await far.skerry('install', 'host');
      assert.deepEqual(lines, ['start skerry-agent.service'], stderr);
      await heard('far');
    });

    it('a host goes again, keeps its state, and comes back without a token', async () => {
      const removed = await far.skerry('install', 'host', '--remove');
      assert.match(removed.lines.at(-1) ?? '', /^Left as they are/);
      assert.equal(await isActive(far, 'skerry-agent'), false);
      assert.deepEqual((await far.skerry('install', 'host', '--remove')).lines, []);
      const back = await far.skerry('install', 'host');
      assert.deepEqual([back.exitCode, back.lines.includes('start skerry-agent.service')], [0, true], back.stderr);
      await heard('far');
    });

    it('purged, nothing of it is left', async () => {
      const purged = await far.skerry('install', 'host', '--remove', '--purge');
      assert.equal(purged.exitCode, 0, purged.stderr);
      const { stdout } = await far.run([
        'find',
        '/etc',
        '/var',
        '-name',
        '*skerry*',
        '-not',
        '-path',
        '*/skerry-zone*',
      ]);
      assert.doesNotMatch(stdout, /agent|credentials|var\/lib\/skerry/);
      assert.notEqual((await far.run(['id', 'skerry'])).exitCode, 0);
    });

    it('the server and central go again, and ejabberd is as Debian set it up', async () => {
      for (const role of ['central', 'server']) {
        const { exitCode, stderr } = await centre.skerry('install', role, '--remove', '--purge');
        assert.equal(exitCode, 0, stderr);
        assert.deepEqual((await centre.skerry('install', role, '--remove', '--purge')).lines, []);
      }
      assert.equal(await isActive(centre, 'skerry-central'), false);
      assert.ok(await isActive(centre, 'ejabberd'));
      const { stdout } = await centre.run(['cat', '/etc/ejabberd/ejabberd.yml', '/etc/default/ejabberd']);
      assert.doesNotMatch(stdout, /skerry/);
    });

    it('all in one', async () => {
      const told = ['--domain', 'example.org', '--admin', ADMIN, '--networks'];
      const { exitCode, stderr } = await centre.skerry('install', 'all-in-one', ...told);
      assert.equal(exitCode, 0, stderr);
      assert.deepEqual((await centre.skerry('install', 'all-in-one')).lines, []);
      await heard('centre');
    });

    for (const part of ['agent', 'central'])
      it(`in development ${part} begins again by itself when its sources change`, async () => {
        const said = async (...argv: string[]): Promise<string> => (await centre.run(argv)).stdout;
        const unit = `skerry-${part}.service`;
        await said('/opt/skerry/provisioning/vagrant/watch-sources', part);
        await said('systemctl', 'restart', unit);
        const main = await said('systemctl', 'show', '-P', 'MainPID', unit);
        const program = () => said('pgrep', '-P', main);
        const first = await until(`${part} runs`, async () => (await program()) || undefined);
        await heard('centre');
        // As rsync does it: a file of another name that takes its place.
        const path = `/opt/skerry/${part}/main.ts`;
        const more = `console.log('a change of ${part}');`;
        await said('sh', '-c', 'cat "$0" >"$0.new"; echo "$1" >>"$0.new"; mv "$0.new" "$0"', path, more);
        const isChanged = async () => /: a change of/.test(await said('journalctl', '-u', unit, '--no-pager'));
        await until('the change runs', async () => (await isChanged()) || undefined);
        assert.notEqual(await program(), first);
        assert.equal(await said('systemctl', 'show', '-P', 'MainPID', unit), main);
        await heard('centre');
      });

    it('what was masked for networks is not any more once the host is gone, and does not start by itself', async () => {
      // A machine of a test has the package already, so nothing was masked for it.
      await centre.run(['systemctl', 'mask', '--now', 'haproxy.service']);
      const { lines, stderr } = await centre.skerry('install', 'host', '--remove');
      assert.ok(lines.includes('unmask haproxy.service'), stderr);
      const { stdout } = await centre.run(['systemctl', 'is-enabled', 'haproxy.service']);
      assert.equal(stdout, 'disabled');
    });
  });
