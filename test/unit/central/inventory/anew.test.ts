import assert from 'node:assert/strict';
import { stateFacts } from '#central/chains/facts.ts';
import { isBack, isOther } from '#central/inventory/anew.ts';
import type { SiteChange } from '#central/inventory/known-site.ts';
import { compile } from '#shared/chain/compile.ts';
import { Chain } from '#shared/model/chain.ts';
import { Report } from '#shared/model/report.ts';
import { guestOf } from '#test/unit/support/guest.ts';
import { siteOf } from '#test/unit/support/site.ts';

const graph = compile(Chain.parse({ chain: 'c', nodes: { web: { host: 'host1' } } }));

describe('a host that is heard anew', () => {
  const stage = async () => {
    const site = siteOf({ host1: [guestOf('web', { state: 'running' })] });
    const said: string[] = [];
    site.onChange((change: SiteChange) => {
      if (change.what !== 'host') return;
      said.push([isBack(change) ? 'back' : '', isOther(change) ? 'other' : ''].filter((word) => word).join(' '));
    });
    const hear = async (given: Record<string, unknown>): Promise<string | undefined> => {
      said.length = 0;
      await site.take(
        'host1@skerry.test',
        Report.parse({ epoch: 5, seq: 1, kind: 'snapshot', guests: [guestOf('web', { state: 'running' })], ...given }),
      );
      return said.at(-1);
    };
    await hear({ host: { state: 'up', version: '1', boot: 'first' } });
    return { site, hear };
  };

  it('is back after a silence', async () => {
    const { site, hear } = await stage();
    site.lose('host1', 'it has been silent');
    assert.equal(await hear({ kind: 'alive', host: { state: 'up', version: '1', boot: 'first' } }), 'back other');
  });

  it('is back when it has booted, though nobody missed it', async () => {
    const { hear } = await stage();
    assert.equal(await hear({ epoch: 6, host: { state: 'up', version: '1', boot: 'second' } }), 'back');
  });

  it('is not when its agent alone began anew, nor when an agent says nothing of boots', async () => {
    const { hear } = await stage();
    assert.equal(await hear({ epoch: 6, host: { state: 'up', version: '1', boot: 'first' } }), '');
    assert.equal(await hear({ epoch: 7, host: { state: 'up', version: '1' } }), '');
  });

  it('has guests of which nothing is known until its hypervisor answers', async () => {
    const { site, hear } = await stage();
    assert.deepEqual(stateFacts(site, graph).get('web'), { state: 'up' });
    const blind = { kind: 'blind', guests: [], host: { state: 'degraded', version: '1', boot: 'second' } };
    assert.equal(await hear({ epoch: 6, seq: 0, ...blind }), 'back other');
    assert.deepEqual(stateFacts(site, graph).get('web'), {
      state: 'unknown',
      why: 'the hypervisor of host1 does not answer',
    });
    const guests = [guestOf('web', { state: 'running' })];
    assert.equal(await hear({ epoch: 6, guests, host: { state: 'up', version: '1', boot: 'second' } }), 'other');
    assert.deepEqual(stateFacts(site, graph).get('web'), { state: 'up' });
  });

  it('has guests that are known while the hypervisor of others does not answer', async () => {
    const { site, hear } = await stage();
    const web = guestOf('web', { state: 'running', driver: 'lxc' });
    const host = { state: 'degraded', version: '1', boot: 'first' };
    const stateOf = () => stateFacts(site, graph).get('web')?.state;
    assert.equal(await hear({ epoch: 6, guests: [web], host: { ...host, silent: ['libvirt'] } }), 'other');
    assert.equal(stateOf(), 'up');
    assert.equal(
      await hear({ epoch: 6, seq: 2, kind: 'change', host: { ...host, silent: ['libvirt', 'lxc'] } }),
      'other',
    );
    assert.equal(stateOf(), 'unknown');
    assert.equal(await hear({ epoch: 7, guests: [web], host: { ...host, silent: ['libvirt'] } }), 'other');
    assert.equal(stateOf(), 'up');
    assert.equal(await hear({ epoch: 8, seq: 0, kind: 'blind', guests: [], host }), 'other');
    assert.equal(stateOf(), 'unknown', 'an agent that has begun anew has heard of none');
  });

  it('may have a guest that is not there, while one of its hypervisors does not answer', async () => {
    const { site, hear } = await stage();
    const host = { state: 'degraded', version: '1', boot: 'first', silent: ['libvirt'] };
    await hear({ epoch: 6, guests: [], host });
    assert.equal(stateFacts(site, graph).get('web')?.state, 'unknown');
  });

  it('is heard also where it tells of itself what central does not know', () => {
    const host = { state: 'up', version: '9', colour: 'red' };
    assert.deepEqual(Report.parse({ epoch: 1, seq: 1, kind: 'snapshot', host }).host, { state: 'up', version: '9' });
  });
});
