import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { after, before, describe, it } from 'mocha';
import { type Given, parseGiven } from '#agent/networks/linux/router/outside.ts';
import { contains, numberOf, overlap, subnetOf } from '#shared/model/address.ts';

const HOOK = fileURLToPath(new URL('../../../../../agent/networks/linux/router/outside-hook.sh', import.meta.url));
const INSIDE = ['10.99.0.0/16', '192.168.7.0/24'];
/** Each case is a folder with what udhcpc puts into the environment; the hook's parent is a shell that may be ended. */
const DRIVER = `
set -e
mount --bind "$1" /mnt; cd /mnt
ip link add out type veth peer name far; ip link set out up; ip link set far up
nft 'add table inet skerry; add set inet skerry public4 { type ipv4_addr; }'
for n in $(seq 1 $(cat count)); do
  echo started >outside
  ip addr flush dev out; nft flush set inet skerry public4
  xargs -0 -a case-$n sh -c 'env -i "$@" sh -c "sh \\"$HOOK\\" bound >>/mnt/outside; true"; true' sh "HOOK=$HOOK" 2>/dev/null || true
  { tail -n 1 outside; ip -4 -o addr show dev out scope global | awk '{ print $4 }'
    ip -4 route show default | awk '{ print $3 }'; echo; nft list set inet skerry public4 | grep -o 'elements = .*' || echo none; } >result-$n
done
`;

interface Told {
  ip: string;
  mask: string;
  router: string;
  lease: string;
}

const dotted = fc
  .array(fc.integer({ min: 0, max: 255 }), { minLength: 4, maxLength: 4 })
  .map((parts) => parts.join('.'));
const near = fc
  .constantFrom('203.0.113.', '10.99.4.', '192.168.7.', '10.98.0.')
  .chain((start) => fc.integer({ min: 0, max: 255 }).map((last) => `${start}${last}`));
const odd = fc.oneof(
  fc.constantFrom(
    ...['', ' ', '1.2.3', '1.2.3.4.5', '01.2.3.4', '256.1.1.1', '0.0.0.0', '127.0.0.1', '224.0.0.1', '255.255.255.255'],
    ...[
      '::1',
      '1.2.3.4\n5.6.7.8',
      '1.2.3.4;touch /mnt/hit',
      '$(touch /mnt/hit)',
      '`touch /mnt/hit`',
      '-x',
      '1.2.3.4 }',
      '*',
    ],
    ...['99999999999999999999.1.1.1', '1..2.3', '.1.2.3', '1.2.3.', 'a[$(touch /mnt/hit)]'],
  ),
  fc.string({ maxLength: 12 }).filter((text) => !text.includes('\0')),
);
const told: fc.Arbitrary<Told> = fc.record({
  ip: fc.oneof({ weight: 6, arbitrary: near }, { weight: 2, arbitrary: dotted }, odd),
  mask: fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 1, max: 32 }).map(String) },
    fc.constant('24'),
    odd,
    fc.constant('33'),
  ),
  router: fc.oneof({ weight: 4, arbitrary: near }, fc.constantFrom('', '203.0.113.1 203.0.113.2'), odd),
  lease: fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: 0, max: 4_294_967_295 }).map(String) },
    odd,
    fc.constant('3600'),
  ),
});

const isHost = (address: string): boolean => {
  const first = Number(address.split('.')[0]);
  return isIPv4(address) && first !== 0 && first !== 127 && first < 224;
};

/** What is to become of it, said another way than the hook says it. */
function wanted({ ip, mask, router, lease }: Told): Given {
  const malformed: Given = { state: 'malformed' };
  const gateway = router.split(' ')[0] ?? '';
  if (!/^([1-9]|[12]\d|3[0-2])$/.test(mask) || mask.includes('\n') || !isHost(ip)) return malformed;
  const address = `${ip}/${mask}`;
  const hosts = 2n ** BigInt(32 - Number(mask)) - 1n;
  const own = numberOf(ip) & hosts;
  if (Number(mask) < 31 && (own === 0n || own === hosts)) return malformed;
  if (gateway !== '' && (!isHost(gateway) || gateway === ip)) return malformed;
  if (!/^\d{1,10}$/.test(lease) || lease.includes('\n')) return malformed;
  if (INSIDE.some((subnet) => overlap(subnet, subnetOf(address)))) return { state: 'inside', address };
  if (gateway !== '' && INSIDE.some((subnet) => contains(subnet, gateway)))
    return { state: 'inside', address: `${gateway}/32` };
  return { state: 'given', address, gateway: gateway === '' ? undefined : gateway };
}

describe('agent/networks: what DHCP outside says', function () {
  this.timeout(120_000);
  let folder: string;
  before(function () {
    if (process.getuid?.() !== 0) return this.skip();
    folder = mkdtempSync(join(tmpdir(), 'skerry-hook-'));
  });
  after(() => folder && rmSync(folder, { recursive: true, force: true }));

  /** Many at once: a namespace for each would take longer than the hook. */
  function results(cases: readonly Told[]): string[] {
    writeFileSync(join(folder, 'outside-not'), INSIDE.map((subnet) => `${subnet}\n`).join(''));
    writeFileSync(join(folder, 'count'), `${cases.length}`);
    for (const [at, { ip, mask, router, lease }] of cases.entries())
      writeFileSync(
        join(folder, `case-${at + 1}`),
        [`ip=${ip}`, `mask=${mask}`, `router=${router}`, `lease=${lease}`, ''].join('\0'),
      );
    execFileSync('unshare', ['--net', '--mount', 'sh', '-c', DRIVER, 'sh', folder], { env: { ...process.env, HOOK } });
    return cases.map((_, at) => execFileSync('cat', [join(folder, `result-${at + 1}`)], { encoding: 'utf8' }));
  }
  const expected = (one: Told): string => {
    const want = wanted(one);
    if (want.state === 'given')
      return `given ${want.address} ${want.gateway ?? '-'}\n${want.address}\n${want.gateway ? `${want.gateway}\n` : ''}\nelements = { ${one.ip} }\n`;
    return `refused ${want.state}${want.state === 'inside' ? ` ${want.address}` : ''}\n\nnone\n`;
  };

  it('is taken where it is an address, and is nothing else, whatever it is', () => {
    const cases = [
      { ip: '203.0.113.5', mask: '24', router: '203.0.113.1 203.0.113.2', lease: '3600' },
      { ip: '203.0.113.5', mask: '32', router: '198.51.100.1', lease: '4294967295' },
      { ip: '203.0.113.5', mask: '24', router: '', lease: '0' },
      { ip: '10.99.4.1', mask: '24', router: '', lease: '3600' },
      { ip: '10.3.4.1', mask: '8', router: '', lease: '3600' },
      ...fc.sample(told, Number(process.env.SKERRY_HOOK_RUNS ?? 60)),
    ];
    const found = results(cases);
    for (const [at, one] of cases.entries()) assert.equal(found[at], expected(one), JSON.stringify(one));
    assert.equal(existsSync(join(folder, 'hit')), false);
  });

  it('is read back by the agent, and what is no line of the hook is passed over', () => {
    const none: Given = { state: 'none' };
    assert.deepEqual(parseGiven(''), { last: none, before: none });
    assert.deepEqual(parseGiven('started\n'), { last: { state: 'started' }, before: none });
    const given: Given = { state: 'given', address: '192.0.2.7/24', gateway: '192.0.2.1' };
    assert.deepEqual(parseGiven('lost\ngiven 192.0.2.7/24 192.0.2.1\nstarted\n'), {
      last: { state: 'started' },
      before: given,
    });
    assert.deepEqual(parseGiven('given 192.0.2.7/32 -\n').last, {
      ...given,
      address: '192.0.2.7/32',
      gateway: undefined,
    });
    assert.deepEqual(parseGiven('refused inside 10.99.0.1/16\n').last, { state: 'inside', address: '10.99.0.1/16' });
    fc.assert(
      fc.property(fc.string(), (text) => {
        const { last } = parseGiven(`started\nx${text.replaceAll('\n', ' ')}\n`);
        assert.deepEqual(last, { state: 'started' });
      }),
    );
  });
});
