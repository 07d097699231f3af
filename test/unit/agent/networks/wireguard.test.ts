import assert from 'node:assert/strict';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { run } from '#agent/exec/run.ts';
import { confOf } from '#agent/networks/linux/mesh/conf.ts';
import { isGiven, parseDump } from '#agent/networks/linux/mesh/dump.ts';
import { fenceScript } from '#agent/networks/linux/mesh/fence.ts';
import { keepSecret, keyIn } from '#agent/networks/wireguard-key.ts';
import { Failure } from '#shared/errors.ts';
import { Endpoint, HostMesh, MeshSubnet, PublicKey } from '#shared/model/mesh.ts';

const isKey = (text: string): boolean => PublicKey.safeParse(text).success;
const key = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('base64'));
const peer = fc.record({
  host: fc.string({ minLength: 1 }),
  publicKey: key,
  n: fc.integer({ min: 2, max: 65_535 }),
  at: fc.option(fc.constantFrom('192.0.2.7', '2001:db8::7', 'host.example.org', 'lost.example.org')),
  keepaliveS: fc.option(fc.constant(25), { nil: undefined }),
});
const mesh = fc
  .uniqueArray(peer, { maxLength: 8, selector: ({ n }) => n })
  .filter((peers) => new Set(peers.map(({ publicKey }) => publicKey)).size === peers.length)
  .map((peers) =>
    HostMesh.parse({
      ...{ address: 'fd5e::1', mtu: 1420 },
      peers: peers.map(({ n, at, keepaliveS, ...rest }) => ({
        ...{ ...rest, address: `fd5e::${n.toString(16)}` },
        ...(at === null ? {} : { endpoint: { host: at, port: 51_820 } }),
        ...(keepaliveS === undefined ? {} : { keepaliveS }),
      })),
    }),
  );
const found = new Map([
  ['192.0.2.7', '192.0.2.7'],
  ['2001:db8::7', '2001:db8::7'],
  ['host.example.org', '192.0.2.9'],
]);

describe('agent/networks: WireGuard', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'skerry-key-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('makes a key once, that nobody else reads, and whose public half is the one that WireGuard makes', async () => {
    const made = await keyIn(join(folder, 'wireguard'), 'here');
    assert.ok(isKey(made.privateKey) && isKey(made.publicKey) && made.privateKey !== made.publicKey);
    assert.deepEqual(await keyIn(join(folder, 'wireguard'), 'here'), made);
    assert.equal((await stat(join(folder, 'wireguard', 'key'))).mode & 0o777, 0o600);
    const theirs = await run(
      { file: 'wg', args: ['pubkey'], input: made.privateKey, timeoutMs: 10_000 },
      AbortSignal.timeout(10_000),
    );
    assert.equal(theirs, made.publicKey);
    assert.notEqual((await keyIn(join(folder, 'other'), 'here')).publicKey, made.publicKey);
  });

  it('does not take another thing for a key, does not tell it, and does not write over it', async () => {
    for (const text of ['', 'secret\n', `${'A'.repeat(43)}=\nPostUp = rm\n`]) {
      await writeFile(join(folder, 'key'), text);
      await assert.rejects(keyIn(folder, 'here'), (error: Failure) => {
        assert.equal(error.code, 'network-host');
        assert.doesNotMatch(JSON.stringify([error.message, error.details]), /secret|AAAA|PostUp/);
        return true;
      });
      assert.equal(await readFile(join(folder, 'key'), 'utf8'), text);
    }
  });

  it('writes a secret for itself alone, also over one that others could read', async () => {
    const file = join(folder, 'secret');
    await writeFile(file, 'old');
    await chmod(file, 0o644);
    await keepSecret(file, 'new');
    assert.deepEqual([await readFile(file, 'utf8'), (await stat(file)).mode & 0o777], ['new', 0o600]);
  });

  it('writes for each peer what it is known by, whatever its host is called', () => {
    fc.assert(
      fc.property(mesh, key, (all, privateKey) => {
        const text = confOf({ mesh: all, key: { privateKey, publicKey: '' }, port: 51_820, found });
        const values = (name: string): string[] =>
          [...text.matchAll(new RegExp(`^${name} = (.*)$`, 'gm'))].map(([, value = '']) => value);
        assert.deepEqual(
          values('PublicKey'),
          all.peers.map(({ publicKey }) => publicKey),
        );
        assert.deepEqual(
          values('AllowedIPs'),
          all.peers.map(({ address }) => `${address}/128`),
        );
        assert.deepEqual(
          values('Endpoint'),
          all.peers.flatMap(({ endpoint }) => {
            const at = found.get(endpoint?.host ?? '');
            return at === undefined ? [] : [at.includes(':') ? `[${at}]:51820` : `${at}:51820`];
          }),
        );
        for (const line of text.split('\n'))
          assert.match(line, /^(|\[(Interface|Peer)\]|# [\w.-]+|[A-Za-z]+ = [\w+/=.:[\]]+)$/);
      }),
    );
  });

  it('knows what the link was given, and tells nothing of it where it cannot be read', () => {
    fc.assert(
      fc.property(mesh, key, key, (all, privateKey, publicKey) => {
        const plan = { mesh: all, key: { privateKey, publicKey }, port: 51_820, found };
        const lines = all.peers.map((each) =>
          [each.publicKey, '(none)', '(none)', `${each.address}/128`, 0, 0, 0, each.keepaliveS ?? 'off'].join('\t'),
        );
        const dump = [[privateKey, publicKey, 51_820, 'off'].join('\t'), ...lines.toReversed()].join('\n');
        assert.ok(isGiven(plan, parseDump(dump)));
        assert.ok(!isGiven({ ...plan, port: 51_821 }, parseDump(dump)));
        const [, ...rest] = all.peers;
        if (all.peers.length > 0) assert.ok(!isGiven({ ...plan, mesh: { ...all, peers: rest } }, parseDump(dump)));
        for (const broken of [privateKey, `${dump}\n${privateKey}\tx`])
          assert.throws(
            () => parseDump(broken),
            (error: Failure) =>
              error instanceof Failure &&
              error.code === 'host-output' &&
              !JSON.stringify([error.message, error.details]).includes(privateKey),
          );
      }),
    );
  });

  it('has a ruleset that nft reads, with networks and without', async () => {
    for (const vnis of [[], [1], [7, 16_777_215]])
      await run(
        { file: 'unshare', args: ['--net', 'nft', '-c', '-f', '-'], input: fenceScript(vnis), timeoutMs: 10_000 },
        AbortSignal.timeout(10_000),
      );
  });

  it('refuses endpoints, keys and subnets that are none', () => {
    for (const text of [
      '',
      '-x',
      'a b',
      'a\nPostUp',
      '192.0.2',
      '10.1.2.300',
      '::ffff:1.2.3.4',
      'fe80::1%eth0',
      'host:51820',
    ])
      assert.ok(!Endpoint.safeParse(text).success, text);
    for (const text of ['host1', 'a.example.org', '192.0.2.1', '2001:db8::1'])
      assert.ok(Endpoint.safeParse(text).success, text);
    for (const text of ['', 'x'.repeat(44), `${'A'.repeat(43)}\n`, `${'A'.repeat(42)}B=`])
      assert.ok(!isKey(text), text);
    for (const text of ['10.0.0.0/24', '2001:db8::/64', 'fd5e::/48', 'fd5e::1/64', 'fd5e::/65'])
      assert.ok(!MeshSubnet.safeParse(text).success, text);
  });
});
