import assert from 'node:assert/strict';
import { carrier } from '#central/chains/carry.ts';
import type { Site } from '#central/inventory/site.ts';
import { compile } from '#shared/chain/compile.ts';
import { Failure } from '#shared/errors.ts';
import { Chain } from '#shared/model/chain.ts';
import { guestOf } from '#test/unit/support/guest.ts';
import { manualClock } from '#test/unit/support/manual-clock.ts';

const graph = compile(Chain.parse({ chain: 'c', nodes: { venti: {} } }));
const node = graph.nodes[0] ?? assert.fail();
const site = {
  find: () => ({ contact: 'venti', guest: guestOf('venti'), host: { name: 'host1' }, tags: [] }),
} as unknown as Site;

describe('an operation of a chain on a guest', () => {
  for (const failure of [undefined, new Failure('guest-not-found', { guest: 'venti', host: 'host1' })])
    it(`has ended once it stands in the trail how: ${failure?.code ?? 'done'}`, async () => {
      const onDisk = Promise.withResolvers<void>();
      const notes: string[] = [];
      const carry = carrier({
        site,
        may: () => true,
        clock: manualClock(),
        passed: { 'guest.start': () => (failure ? Promise.reject(failure) : Promise.resolve({})) },
        trail: {
          keep: ({ verb, outcome }) => {
            notes.push(`${verb} ${outcome}`);
            return onDisk.promise;
          },
        },
      });
      const operation = { id: 'run/venti/start/1', verb: 'start', force: false, sentAt: 0 } as const;
      let ended = 'not yet';
      const ends = carry(node, { node: 'venti', operation }, 'ann@skerry.test', new AbortController().signal).then(
        ({ ok }) => {
          ended = ok ? 'well' : 'badly';
        },
      );
      await new Promise(setImmediate);
      assert.deepEqual([notes, ended], [[`guest.start ${failure?.code ?? 'done'}`], 'not yet']);
      onDisk.resolve();
      await ends;
      assert.equal(ended, failure ? 'badly' : 'well');
    });
});
