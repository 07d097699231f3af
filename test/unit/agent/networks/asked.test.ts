import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { failpoint } from '#agent/networks/failpoint.ts';
import { fakeNetworks } from '#agent/networks/fake/driver.ts';
import { fakeNetworkWorld } from '#agent/networks/fake/world.ts';
import { guardScript } from '#agent/networks/linux/guard-rules.ts';
import { printOf } from '#agent/networks/linux/guards.ts';
import { takeNetworks } from '#agent/networks/serve.ts';
import { networkHandlers } from '#agent/verbs/network.ts';
import { Failure } from '#shared/errors.ts';
import { HostNetworks, HostRouter, type NetworkStanding, NO_NETWORKS } from '#shared/model/network.ts';
import type { Call } from '#shared/verb/request.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { networksElement } from '#shared/xmpp/networks.ts';
import { network, port } from '#test/contract/network-driver-contract.ts';

const wanted = HostNetworks.parse({
  networks: [network('grid', { tunnel: { vni: 7, local: '192.0.2.1', peers: ['192.0.2.2'] } }), network('lan')],
  ports: [port('grid', 4), port('grid', 5)],
  looks: [],
  routers: [
    HostRouter.parse({
      ...{ name: 'core', legs: [{ network: 'grid', mac: '52:54:00:00:00:01', addresses: ['10.9.0.1/24'] }] },
      ...{ nat: [], routed: [], dns: [], hosts: [] },
    }),
  ],
});
const standing: NetworkStanding = {
  digest: 'x',
  troubles: [
    { what: 'network', name: 'lan', problem: 'It is in the way.' },
    { what: 'router', name: 'lan', problem: 'Not this one.' },
  ],
};

describe('agent/networks: who may give a host its networks', () => {
  type Answer = Parameters<Entity['serve']>[3];
  const served = (taken: HostNetworks[]): Answer => {
    let answer: Answer | undefined;
    const entity: Pick<Entity, 'serve'> = {
      serve: (_type, _namespace, _name, serve) => {
        answer = serve;
      },
    };
    const take = async (document: HostNetworks): Promise<NetworkStanding> => {
      taken.push(document);
      return standing;
    };
    takeNetworks(entity, { central: 'central.skerry.test', keeper: { take } });
    return answer!;
  };
  const from = (jid: string) => ({ from: jid, child: networksElement(wanted) }) as Parameters<Answer>[0];

  it('is central, and nobody else', async () => {
    const taken: HostNetworks[] = [];
    const answer = served(taken);
    for (const jid of ['eve@skerry.test/x', 'skerry.test', 'x@central.skerry.test', 'web1@central.skerry.test/host1'])
      await assert.rejects(
        async () => answer(from(jid)),
        (error) => error instanceof Failure && error.code === 'not-permitted',
        jid,
      );
    assert.deepEqual(taken, []);
    const said = await answer(from('central.skerry.test'));
    assert.match(String(said), /<standing /);
    assert.deepEqual(taken, [wanted]);
  });
});

describe('agent/verbs: networks of a host', () => {
  const stage = () => {
    const world = fakeNetworkWorld();
    const handlers = networkHandlers({ networks: fakeNetworks({ world, host: 'here' }), keeper: { wanted, standing } });
    return { world, handlers };
  };
  const call = { signal: AbortSignal.timeout(10_000) } as Call;

  it('are listed as they shall be and as they are', async () => {
    const { handlers } = stage();
    assert.deepEqual(await handlers['network.list']({}, call), [
      { name: 'grid', kind: 'isolated', link: 'sk-grid', mtu: 1450, peers: ['192.0.2.2'], ports: 2, state: 'up' },
      {
        ...{ name: 'lan', kind: 'isolated', link: 'sk-lan', mtu: 1450, peers: [], ports: 0, state: 'trouble' },
        problem: 'It is in the way.',
      },
    ]);
    assert.deepEqual(await handlers['router.list']({}, call), [
      { name: 'core', networks: ['grid'], addresses: [], state: 'up' },
    ]);
  });

  it('tell what a router was given outside, and that it waits for it', async () => {
    const core = async (addresses: string[], problem?: string) => {
      const given = [{ router: 'core', addresses, ...(problem === undefined ? {} : { problem }) }];
      const keeper = { wanted, standing: { ...standing, given } };
      const networks = fakeNetworks({ world: fakeNetworkWorld(), host: 'here' });
      return (await networkHandlers({ networks, keeper })['router.list']({}, call))[0];
    };
    const { name, networks } = { name: 'core', networks: ['grid'] };
    assert.deepEqual(await core(['192.0.2.7/24']), { name, networks, addresses: ['192.0.2.7/24'], state: 'up' });
    assert.deepEqual(await core([], 'none yet'), {
      ...{ name, networks, addresses: [], state: 'trouble', problem: 'none yet' },
    });
  });

  it('tell the leases of routers on them', async () => {
    const { handlers, world } = stage();
    const lease = { network: 'grid', address: '10.9.0.4', mac: '52:54:00:00:00:04', router: 'core' };
    world.leases.push(lease);
    assert.deepEqual(await handlers['network.leases']({}, call), [lease]);
    assert.deepEqual(await handlers['network.leases']({ network: 'grid' }, call), [lease]);
    assert.deepEqual(await handlers['network.leases']({ network: 'lan' }, call), []);
    await assert.rejects(handlers['network.leases']({ network: 'moon' }, call), /There is no network moon/);
  });
});

describe('agent/networks: a failpoint', () => {
  it('lets so many things be done, and is off unless it is asked for', () => {
    assert.equal(failpoint(undefined).allows(1_000), 1_000);
    const point = failpoint('networks:3');
    assert.deepEqual([point.allows(2), point.allows(2), point.allows(1)], [2, 1, 0]);
    for (const text of ['', 'networks:', 'networks:-1', 'before:3']) assert.throws(() => failpoint(text), /is due/);
  });
});

describe('agent/networks/linux: the ruleset of guards', () => {
  it('names ports, their MACs, addresses and link-local ones', () => {
    const script = guardScript([port('grid', 4), { ...port('grid', 6), addresses: [] }]);
    assert.match(script, /sources4 \{ "sk525400000004" \. 10\.9\.0\.4 \}/);
    assert.match(script, /sources6 \{ "sk525400000004" \. fd00:9::4, "sk525400000004" \. fe80::5054:ff:fe00:4 \}/);
    assert.match(script, /held \{ "sk525400000004" \}/);
    assert.match(script, /guests \{ "sk525400000004", "sk525400000006" \}/);
    assert.match(script, /targets \{ "sk525400000004" \. 0xfd000009000000000000000000000004,/);
    assert.doesNotMatch(guardScript([]), /add element/);
  });

  it('is known again whatever was counted', () => {
    const text = (packets: number, rule: string) =>
      `{"handle": ${packets}, "packets": ${packets}, "bytes": 5, "rule": "${rule}"}`;
    assert.equal(printOf(text(1, 'a')), printOf(text(22, 'a')));
    assert.notEqual(printOf(text(1, 'a')), printOf(text(1, 'b')));
  });
});

describe('agent/networks: nothing', () => {
  it('is a document too', () => {
    assert.deepEqual(HostNetworks.parse(NO_NETWORKS), NO_NETWORKS);
  });
});
