import assert from 'node:assert/strict';
import type { AskAgent } from '#central/agents/caller.ts';
import { addPort, createNetwork } from '#central/networks/network-changes.ts';
import { networkHandlers } from '#central/verbs/network.ts';
import type { May } from '#shared/verb/policy.ts';
import type { Call } from '#shared/verb/request.ts';
import { callOf, guestOf, isFailure, PLAN, type Scene, sceneOf } from '#test/unit/central/networks/scene.ts';

const call: Call = {
  ...{ verb: 'network.check', surface: 'form', signal: new AbortController().signal, progress: () => {} },
  ...callOf('1'),
};

describe('network.check of who may not probe from hosts', () => {
  let scene: Scene;
  let asked: string[];
  const ask: AskAgent = async (_host, verb) => {
    asked.push(verb);
    const value = verb === 'nic.list' ? [] : {};
    return { kind: 'result', value } as unknown as ReturnType<AskAgent>;
  };
  const check = (to: string, port: number | undefined, may: May) => {
    asked = [];
    const deps = { networks: scene.networks, site: scene.site, ask, may, now: Date.now };
    return networkHandlers(deps)['network.check']({ from: 'web1', to, port }, call);
  };
  const viewer: May = (_, verb) => verb !== 'host.probe';

  beforeEach(async () => {
    scene = await sceneOf({ host1: [guestOf('web1'), guestOf('web2')] });
    const lan = { name: 'lan', kind: 'nat', subnets: ['10.9.0.0/24'], mtu: 1450, domain: null, level: 0 } as const;
    const rest = { link: null, hosts: [], by: 'ann@skerry.test', at: '2026-01-01T00:00:00Z' };
    await scene.networks.make(callOf('lan'), (state) => createNetwork(state, { ...lan, ...rest }, () => 0));
    for (const guest of ['web1', 'web2'])
      await scene.networks.make(callOf(guest), (state) => addPort(state, { guest, ip: [], network: 'lan' }, PLAN));
  });
  afterEach(() => scene.networks.stop());

  for (const [what, to, port] of [
    ['a port', 'web2', 22],
    ['an address of nobody', '10.9.0.77', undefined],
    ['what is outside', '198.51.100.7', undefined],
    ['a host', 'host1', undefined],
  ] as const) {
    it(`is refused for ${what}`, async () => {
      await assert.rejects(async () => check(to, port, viewer), isFailure('not-permitted', /host\.probe/));
      assert.equal(asked.length, 0);
      await check(to, port, () => true);
      assert.ok(asked.includes('nic.list'));
    });
  }

  it('is open for guests, by name and by address', async () => {
    for (const to of ['web2', '10.9.0.3']) {
      await check(to, undefined, viewer);
      assert.ok(asked.includes('nic.list'));
    }
  });
});
