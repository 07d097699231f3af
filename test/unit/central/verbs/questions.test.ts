import assert from 'node:assert/strict';
import { addPort, createNetwork } from '#central/networks/network-changes.ts';
import { NO_STATE } from '#central/networks/state.ts';
import { siteQuestions } from '#central/verbs/questions.ts';
import type { May } from '#shared/verb/policy.ts';
import { centralVerbs } from '#shared/verbs/central.ts';
import { callOf, isFailure, PLAN } from '#test/unit/central/networks/scene.ts';
import { siteOf } from '#test/unit/support/site.ts';

const lan = createNetwork(
  NO_STATE,
  {
    ...{ name: 'lan', kind: 'isolated', subnets: ['10.9.0.0/24'], mtu: 1450, domain: null, level: 0, link: null },
    ...{ hosts: [], by: 'ann@skerry.test', at: '2026-01-01T00:00:00Z' },
  },
  () => 0,
);
const used = ['web1', 'web2'].reduce((state, guest) => addPort(state, { guest, ip: [], network: 'lan' }, PLAN), lan);

describe('what is asked of networks before they go', () => {
  const asking = { verb: 'network.delete', ...callOf('1'), signal: new AbortController().signal };
  const questions = (state = used, may: May = () => true) =>
    siteQuestions({ site: siteOf({}), may, table: centralVerbs, networks: { state } });
  const remove = (state = used, may?: May) => questions(state, may)['network.delete']?.({ network: 'lan' }, asking);

  it('is nothing where it is refused anyway', () => {
    assert.throws(() => remove(), isFailure('network-in-use', /web1, web2/));
    assert.throws(() => remove(used, () => false), isFailure('not-permitted'));
    assert.equal(remove(lan), 'network delete lan');
  });

  it('names whom it cuts off', () => {
    const stop = questions()['network.stop']?.({ network: 'lan' }, { ...asking, verb: 'network.stop' });
    assert.equal(stop, 'network stop lan, which cuts off web1, web2,');
  });
});
