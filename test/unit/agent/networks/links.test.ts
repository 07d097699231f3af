import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { problemOf } from '#agent/networks/linux/check.ts';
import { type Link, parseFloods, parseLinks, parseRoutes, parseSpaces } from '#agent/networks/linux/links.ts';
import { portsIn } from '#agent/networks/linux/ports.ts';
import { readUnderlay } from '#agent/networks/linux/underlay.ts';
import { Failure } from '#shared/errors.ts';
import { network } from '#test/contract/network-driver-contract.ts';

/** As iproute2 6.1 printed it. */
const recorded = (name: string): string =>
  readFileSync(new URL(`../../../fixtures/ip/${name}.json`, import.meta.url), 'utf8');
const linksIn = (name: string): Map<string, Link> =>
  new Map(parseLinks(recorded(name)).map((link) => [link.name, link]));
const links = (): Map<string, Link> => linksIn('links');
const isOutput = (error: unknown): boolean => error instanceof Failure && error.code === 'host-output';

describe('agent/networks/linux: what ip and bridge print', () => {
  it('is read: links with their mark', () => {
    const { bytesReceived, bytesSent, index: _index, mac: _mac, ...bridge } = links().get('sk-grid')!;
    assert.equal(typeof bytesReceived, 'number');
    assert.equal(typeof bytesSent, 'number');
    assert.deepEqual(bridge, {
      ...{
        name: 'sk-grid',
        kind: 'bridge',
        isOurs: true,
        isUp: true,
        mtu: 1450,
        alias: 'Skerry network grid',
        addresses: [],
      },
      bridge: { forwardDelay: 0, isSnooping: false },
    });
    assert.deepEqual(links().get('vx-grid')?.vxlan, { vni: 77, local: '192.0.2.1', port: 4789, learning: true });
    assert.equal(links().get('vx-grid')?.master, 'sk-grid');
    assert.deepEqual(links().get('vx-six')?.vxlan, { vni: 78, local: '2001:db8::1', port: 4789, learning: false });
    assert.equal(links().get('up0')?.isOurs, false);
    assert.equal(links().get('up0')?.bridge?.isSnooping, true);
  });

  it('is read: where tunnels send what they have no place for', () => {
    assert.deepEqual(
      [...parseFloods(recorded('fdb'))].map(([name, to]) => [name, [...to]]),
      [
        ['vx-grid', ['192.0.2.2', '192.0.2.3']],
        ['vx-six', ['2001:db8::2']],
      ],
    );
    assert.equal(parseFloods('').size, 0, 'where there is nothing it prints nothing');
  });

  it('is read: global addresses, IPv4 first', () => {
    const up = parseLinks(recorded('addresses')).find(({ name }) => name === 'up0');
    assert.deepEqual(up?.addresses, ['192.0.2.1/24', '2001:db8::1/64']);
  });

  it('is refused where it is something else, and never breaks the reader', () => {
    for (const text of ['{', '[1]', '[{"ifname":"a"}]', '{"a":1}'])
      for (const parse of [parseLinks, parseFloods, parseSpaces]) assert.throws(() => parse(text), isOutput, text);
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        for (const parse of [parseLinks, parseFloods, parseRoutes, parseSpaces])
          try {
            parse(JSON.stringify(value));
          } catch (error) {
            assert.ok(isOutput(error), String(error));
          }
      }),
    );
  });

  it('tells ports and what went through them', () => {
    const ports = portsIn([...links().values()]);
    assert.deepEqual(
      ports.map(({ network, link, mac }) => [network, link, mac]),
      [['grid', 'sk525400010203', '52:54:00:01:02:03']],
    );
  });
});

describe('agent/networks/linux: what a host cannot make', () => {
  const ground = () => ({ host: 'here', links: new Map([...links(), ...linksIn('addresses')]) });
  const problem = (more: object, name = 'new'): string | undefined => {
    const found = problemOf({ ...network(name), ...more }, ground());
    return found && `${found.code}: ${found.message}`;
  };
  const tunnel = (local: string) => ({ vni: 9, local, peers: [] });

  it('is nothing, where all is free or ours', () => {
    assert.equal(problem({}), undefined);
    assert.equal(problem({ tunnel: tunnel('192.0.2.1') }, 'grid'), undefined);
    assert.equal(problem({ kind: 'outside', link: 'up0' }), undefined);
  });

  it('is named: a link of others, one that is missing', () => {
    assert.match(problem({ link: 'up0' }) ?? '', /^network-clash: There is a link up0 on here/);
    assert.match(problem({ kind: 'outside', link: 'wan9' }) ?? '', /^network-missing: .*wan9/);
  });

  it('is named: a tunnel that does not fit, or begins nowhere', () => {
    assert.equal(problem({ mtu: 1450, tunnel: tunnel('192.0.2.1') }), undefined);
    assert.match(
      problem({ mtu: 1451, tunnel: tunnel('192.0.2.1') }) ?? '',
      /^network-host: .*needs 1501 of up0, which has 1500/,
    );
    assert.equal(problem({ mtu: 1430, tunnel: tunnel('2001:db8::1') }), undefined);
    assert.match(problem({ mtu: 1431, tunnel: tunnel('2001:db8::1') }) ?? '', /^network-host: .*needs 1501/);
    assert.match(problem({ tunnel: tunnel('192.0.2.9') }) ?? '', /^network-host: .*no address of this host/);
  });

  it('is told of the underlay', async () => {
    const at = (link: string) =>
      readUnderlay({ run: async () => recorded('addresses'), host: 'here', link }, AbortSignal.timeout(1_000));
    assert.deepEqual(await at('up0'), { link: 'up0', address: '192.0.2.1', mtu: 1500 });
    await assert.rejects(at('wan9'), /There is no link wan9/);
    await assert.rejects(at('sk-grid'), /has no address/);
  });
});
