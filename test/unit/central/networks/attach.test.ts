import assert from 'node:assert/strict';
import type { AskAgent } from '#central/agents/caller.ts';
import { createNetwork, setAddress } from '#central/networks/network-changes.ts';
import { attaching } from '#central/verbs/attach.ts';
import { Failure } from '#shared/errors.ts';
import type { Call } from '#shared/verb/request.ts';
import { callOf, guestOf, isFailure, type Scene, sceneOf } from './scene.ts';

const call = (operation: string): Call => ({
  ...{ verb: 'network.attach', surface: 'form', signal: new AbortController().signal, progress: () => {} },
  ...callOf(operation),
});

describe('a guest’s interface', () => {
  let scene: Scene;
  let asked: { verb: string; args: Record<string, unknown>; portsThen: number }[];
  let failure: Failure | undefined;
  const ask: AskAgent = async (_host, verb, _row, args) => {
    asked.push({ verb, args: { ...args }, portsThen: scene.hosts.host1?.taken.at(-1)?.ports.length ?? 0 });
    if (failure) throw failure;
    return {
      kind: 'result',
      value: [{ mac: args.mac, kind: 'bridge', holds: 'now' }],
    } as unknown as ReturnType<AskAgent>;
  };
  const verbs = () => attaching({ networks: scene.networks, site: scene.site, ask });

  beforeEach(async () => {
    asked = [];
    failure = undefined;
    scene = await sceneOf({ host1: [guestOf('web1')], host2: [] });
    const lan = {
      name: 'lan',
      kind: 'isolated',
      subnets: ['10.99.0.0/24'],
      mtu: 1400,
      domain: null,
      level: 0,
    } as const;
    const rest = { link: null, hosts: [], by: 'ann@skerry.test', at: '2026-01-01T00:00:00Z' };
    await scene.networks.make(callOf('lan'), (state) => createNetwork(state, { ...lan, ...rest }, () => 0));
  });
  afterEach(() => scene.networks.stop());

  it('is asked for when its port is kept and guarded, and taken away before that ends', async () => {
    const port = await verbs().attach({ guest: 'web1', ip: ['10.99.0.7'] }, call('1'));
    assert.equal(port.holds, 'now');
    const mac = '06:53:00:00:00:01';
    assert.deepEqual(asked, [
      {
        verb: 'nic.attach',
        args: { guest: 'web1', network: 'lan', bridge: 'sk-lan', mac, link: 'sk065300000001', mtu: 1400 },
        portsThen: 1,
      },
    ]);
    await verbs().detach({ guest: 'web1', network: 'lan' }, call('2'));
    assert.deepEqual([asked[1]?.verb, asked[1]?.portsThen], ['nic.detach', 1]);
    assert.deepEqual([scene.networks.state.ports.size, scene.last('host1').ports], [0, []]);
  });

  it('that its host refuses leaves nothing, here and there', async () => {
    failure = new Failure('host-command', { problem: 'no more slots' });
    await assert.rejects(verbs().attach({ guest: 'web1', ip: ['10.99.0.7'] }, call('1')), isFailure('host-command'));
    assert.deepEqual([scene.networks.state.ports.size, scene.store.state.ports.size], [0, 0]);
    assert.deepEqual([scene.last('host1').ports, scene.last('host1').networks], [[], []]);
  });

  it('of which nobody knows whether it is there keeps its port, and the same operation goes on', async () => {
    failure = new Failure('operation-uncertain', { operation: '1' });
    await assert.rejects(
      verbs().attach({ guest: 'web1', ip: ['10.99.0.7'] }, call('1')),
      isFailure('operation-uncertain'),
    );
    assert.equal(scene.networks.state.ports.size, 1);
    failure = undefined;
    const port = await verbs().attach({ guest: 'web1', ip: ['10.99.0.7'] }, call('1'));
    assert.deepEqual(port.addresses, ['10.99.0.7']);
    assert.equal(scene.networks.state.ports.size, 1);
  });

  it('of a running guest that gets another address holds from the next start, and the answer says why', async () => {
    const first = await verbs().attach({ guest: 'web1', ip: ['10.99.0.7'] }, call('1'));
    assert.equal(first.holds, 'now');
    assert.match(first.problems.join(), /^no router is on lan: nobody tells/);
    const moved = await verbs().attach({ guest: 'web1', ip: ['10.99.0.9'] }, call('2'), setAddress);
    assert.equal(moved.holds, 'from the next start');
    assert.match(moved.problems.join(), /web1 is cut off until it asks for its address anew: guest reboot web1/);
    const same = await verbs().attach({ guest: 'web1', ip: ['10.99.0.9'] }, call('3'), setAddress);
    assert.equal(same.holds, 'now');
    assert.doesNotMatch(same.problems.join(), /web1/);
  });

  it('of a guest that is off has another address now', async () => {
    scene.networks.stop();
    const off = { ...guestOf('web1'), state: 'shutoff' } as const;
    scene = await sceneOf({ host1: [off] }, scene.store);
    await verbs().attach({ guest: 'web1', ip: ['10.99.0.7'] }, call('1'));
    const moved = await verbs().attach({ guest: 'web1', ip: ['10.99.0.9'] }, call('2'), setAddress);
    assert.equal(moved.holds, 'now');
    assert.doesNotMatch(moved.problems.join(), /web1/);
  });

  it('is not tried where its host is away', async () => {
    scene.site.lose('host1', 'silent');
    await assert.rejects(
      verbs().attach({ guest: 'web1', ip: ['10.99.0.7'] }, call('1')),
      isFailure('host-unreachable'),
    );
    assert.deepEqual([asked, scene.networks.state.ports.size], [[], 0]);
  });

  it('is taken from central alone where the guest is no more, and stays where it cannot be taken', async () => {
    await verbs().attach({ guest: 'web1', ip: [], network: 'lan' }, call('1'));
    failure = new Failure('host-command', { problem: 'it does not let go' });
    await assert.rejects(verbs().detach({ guest: 'web1', network: 'lan' }, call('2')), isFailure('host-command'));
    assert.equal(scene.networks.state.ports.size, 1);
    await scene.site.forget('host1');
    await verbs().detach({ guest: 'web1', network: 'lan' }, call('3'));
    assert.equal(scene.networks.state.ports.size, 0);
  });

  it('is taken once by an operation that was cut off and is asked again', async () => {
    await verbs().attach({ guest: 'web1', ip: [], network: 'lan' }, call('1'));
    const first = await verbs().detach({ guest: 'web1', network: 'lan' }, call('2'));
    assert.deepEqual(await verbs().detach({ guest: 'web1', network: 'lan' }, call('2')), first);
  });
});
