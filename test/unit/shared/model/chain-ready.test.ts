import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isStateOnly, Ready } from '#shared/model/chain-ready.ts';

const testsOf = (value: unknown): unknown => Ready.parse(value).tests;
const refusal = (value: unknown): string => {
  const issue = Ready.safeParse(value).error?.issues[0];
  if (issue?.code !== 'invalid_union') return issue?.message ?? 'it is right';
  return [issue.message, ...issue.errors.flat().map(({ message }) => message)].join(' | ');
};

describe('what ready means', () => {
  const right: readonly (readonly [unknown, unknown])[] = [
    ['state', { state: true }],
    ['tcp!10.99.0.12!17034', { tcp: '10.99.0.12:17034' }],
    ['/net/tcp!venti!17034', { tcp: 'venti:17034' }],
    ['/net.alt/tcp!10.99.0.17!564', { tcp: '10.99.0.17:564' }],
    ['tcp!2001:db8::1!564', { tcp: '[2001:db8::1]:564' }],
    ['tcp![2001:db8::1]!564', { tcp: '[2001:db8::1]:564' }],
    ['[2001:db8::1]:564', { tcp: '[2001:db8::1]:564' }],
    ['venti:65535', { tcp: 'venti:65535' }],
    ['http://www/', { http: { url: 'http://www/', status: 200, insecure: false } }],
    ['https://www:8443/a b'.replace(' ', '+'), { http: { url: 'https://www:8443/a+b', status: 200, insecure: false } }],
    [
      { http: { url: 'http://www', status: 503, body: '^a+$' } },
      { http: { url: 'http://www', status: 503, body: '^a+$', insecure: false } },
    ],
    [
      { dns: 'www.example', from: 'host1', network: 'net.alt' },
      { dns: 'www.example', from: 'host1', network: 'net.alt' },
    ],
    [{ agent: true }, { agent: true }],
    [{ console: 'is up' }, { console: 'is up' }],
    [{ presence: 'a@b/c' }, { presence: 'a@b/c' }],
    [{ command: 'mounted' }, { command: 'mounted' }],
  ];
  for (const [value, test] of right)
    it(`is read from ${JSON.stringify(value)}`, () => assert.deepEqual(testsOf(value), [test]));

  const wrong: readonly (readonly [unknown, RegExp])[] = [
    ['', /say state, tcp!HOST!PORT/],
    ['venti', /say state/],
    ['venti:0', /say state/],
    ['tcp!*!564', /write HOST:PORT/],
    ['tcp!venti!9fs', /say state/],
    ['ftp://x', /say state/],
    ['udp!venti!564', /say state/],
    [{}, /say state/],
    [{ tcp: 'a:1', dns: 'b' }, /say state/],
    [{ state: false }, /expected true/],
    [{ tcp: 'a:65536' }, /at most 65535/],
    [{ http: 'http://x' }, /expected object/],
    [{ http: { url: 'http://x', status: 99 } }, />=100/],
    [{ http: { url: 'http://x', status: 600 } }, /<=599/],
    [{ http: { url: 'http://x', body: '(' } }, /not a regular expression/],
    [{ console: '[' }, /not a regular expression/],
    [{ console: '' }, />=1/],
    [{ dns: 'a b' }, /without blanks/],
    [{ presence: 'a\u0000b' }, /without blanks/],
    [{ command: 'rm -rf' }, /without blanks/],
    [{ dns: 'x', from: 'no host' }, /./],
    [{ dns: 'x', network: '' }, />=1/],
    [{ all: [] }, />=1/],
    [{ any: Array.from({ length: 33 }, () => 'state') }, /<=32/],
    [{ all: ['state'], any: ['state'] }, /say state/],
    [{ all: ['state'], tcp: 'a:1' }, /say state/],
    [{ all: [{ all: ['state'] }] }, /all/],
    [{ dns: 'x', every: '99ms' }, /at most every 100ms/],
    [{ dns: 'x', good: 0 }, />=1/],
    [{ dns: 'x', good: 1_001 }, /<=1000/],
    [{ dns: 'x', every: '1m', fresh: '59s' }, /fresh is at least every/],
    [5, /say state/],
    [['state'], /say state/],
  ];
  for (const [value, problem] of wrong)
    it(`is refused from ${JSON.stringify(value)?.slice(0, 70)}`, () => assert.match(refusal(value), problem));

  it('is looked at every 2 s, once, and for 30 s, when nothing else is said', () => {
    const standard = { mode: 'all', everyMs: 2_000, good: 1, freshMs: 30_000 };
    for (const value of ['a:1', { tcp: 'a:1' }, { all: ['a:1'] }])
      assert.deepEqual(Ready.parse(value), { ...standard, tests: [{ tcp: 'a:1' }] });
    assert.equal(Ready.parse({ any: ['a:1', 'state'] }).mode, 'any');
  });

  it('is looked at from where it says beside all or any, unless a test says otherwise', () => {
    const given = { any: ['a:1', { dns: 'x', from: 'host2' }], from: 'host1', network: 'lan' };
    assert.deepEqual(testsOf(given), [
      { tcp: 'a:1', from: 'host1', network: 'lan' },
      { dns: 'x', from: 'host2', network: 'lan' },
    ]);
  });

  it('needs no probe when only the state is asked for', () => {
    assert.ok(isStateOnly(undefined));
    assert.ok(isStateOnly(Ready.parse('state')));
    assert.ok(!isStateOnly(Ready.parse({ all: ['state', 'a:1'] })));
  });

  it('is a reading or a refusal with words, whatever it is', () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        const read = Ready.safeParse(value);
        if (!read.success) assert.ok(read.error.issues.every(({ message }) => message !== ''));
      }),
    );
  });
});
