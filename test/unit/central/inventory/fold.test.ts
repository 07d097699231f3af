import assert from 'node:assert/strict';
import { fold, type KnownHost, UNKNOWN_HOST } from '#central/inventory/fold.ts';
import type { Guest, GuestState } from '#shared/model/guest.ts';
import { Report } from '#shared/model/report.ts';
import { guestOf } from '#test/unit/support/guest.ts';

const guest = (name: string, state: GuestState = 'running'): Guest => guestOf(name, { state });
const report = (given: Partial<Report> & Pick<Report, 'seq' | 'kind'>): Report =>
  Report.parse({ epoch: 5, host: { state: 'up', version: '1' }, ...given });
const taken = (known: KnownHost, given: Report) => {
  const result = fold(known, given);
  assert.equal(result.verdict, 'taken');
  return result as Extract<typeof result, { verdict: 'taken' }>;
};
const names = (known: KnownHost): string[] =>
  [...known.guests.values()].map(({ name, state }) => `${name} ${state}`).sort();

describe('a report, folded into what is known', () => {
  const known = taken(UNKNOWN_HOST, report({ seq: 1, kind: 'snapshot', guests: [guest('a'), guest('b')] })).known;

  it('changes what it names, and leaves the rest', () => {
    const { known: after, differences } = taken(
      known,
      report({ seq: 2, kind: 'change', guests: [guest('a', 'shutoff')], gone: ['uuid-b'] }),
    );
    assert.deepEqual(names(after), ['a shutoff']);
    assert.deepEqual(
      differences.map(({ uuid, before, after: now }) => [uuid, before?.state, now?.state]),
      [
        ['uuid-a', 'running', 'shutoff'],
        ['uuid-b', 'running', undefined],
      ],
    );
  });

  it('that says what is known already tells nobody', () => {
    assert.deepEqual(taken(known, report({ seq: 2, kind: 'change', guests: [guest('a')] })).differences, []);
  });

  it('that was taken before changes nothing', () => {
    const old = report({ seq: 1, kind: 'snapshot', guests: [] });
    assert.equal(fold(known, old).verdict, 'repeated');
    assert.equal(fold(known, report({ seq: 1, kind: 'change', gone: ['uuid-a'] })).verdict, 'repeated');
  });

  it('of an earlier start of the agent is refused, a snapshot too', () => {
    const earlier = report({ epoch: 4, seq: 99, kind: 'snapshot', guests: [] });
    assert.equal(fold(known, earlier).verdict, 'late');
    assert.equal(fold(known, report({ epoch: 4, seq: 1, kind: 'alive' })).verdict, 'late');
  });

  it('after one that is missing, or the first of a new start, asks for a snapshot', () => {
    assert.equal(fold(known, report({ seq: 3, kind: 'change' })).verdict, 'gap');
    assert.equal(fold(known, report({ epoch: 6, seq: 1, kind: 'change' })).verdict, 'gap');
    assert.equal(fold(known, report({ epoch: 6, seq: 0, kind: 'alive' })).verdict, 'gap');
    assert.equal(fold(UNKNOWN_HOST, report({ seq: 1, kind: 'change' })).verdict, 'gap');
  });

  it('in parts takes effect with the last, and drops who is in none', () => {
    const first = taken(known, report({ seq: 2, kind: 'snapshot', part: 0, more: true, guests: [guest('c')] }));
    assert.deepEqual(names(first.known), ['a running', 'b running']);
    assert.equal(fold(first.known, report({ seq: 2, kind: 'alive' })).verdict, 'gap');
    assert.equal(fold(first.known, report({ seq: 3, kind: 'change' })).verdict, 'gap');
    const last = taken(first.known, report({ seq: 3, kind: 'snapshot', part: 1, guests: [guest('a')] }));
    assert.deepEqual(names(last.known), ['a running', 'c running']);
    assert.deepEqual(last.differences.map(({ uuid }) => uuid).sort(), ['uuid-b', 'uuid-c']);
  });

  it('in parts begins anew where its first part comes again', () => {
    const first = taken(known, report({ seq: 2, kind: 'snapshot', part: 0, more: true, guests: [guest('c')] }));
    const again = taken(first.known, report({ seq: 3, kind: 'snapshot', part: 0, more: true, guests: [guest('d')] }));
    const last = taken(again.known, report({ seq: 4, kind: 'snapshot', part: 1, guests: [] }));
    assert.deepEqual(names(last.known), ['d running']);
  });

  it('in parts of which one is missing is asked for anew', () => {
    const first = taken(known, report({ seq: 2, kind: 'snapshot', part: 0, more: true }));
    assert.equal(fold(first.known, report({ seq: 4, kind: 'snapshot', part: 2 })).verdict, 'gap');
    assert.equal(fold(known, report({ seq: 2, kind: 'snapshot', part: 1 })).verdict, 'gap');
  });

  it('of a hypervisor that never answered leaves its guests as they were known', () => {
    const blind = report({ epoch: 6, seq: 0, kind: 'blind', host: { state: 'degraded', version: '2', problem: 'no' } });
    const after = taken(known, blind).known;
    assert.deepEqual(names(after), ['a running', 'b running']);
    assert.equal(after.facts?.state, 'degraded');
    assert.equal(fold(after, report({ epoch: 6, seq: 1, kind: 'snapshot', guests: [] })).verdict, 'taken');
  });
});
