import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  bareOf,
  domainpartOf,
  isJid,
  localpartOf,
  normalised,
  resourceOf,
  sameBare,
  sameJid,
} from '#shared/xmpp/jid.ts';

describe('Addresses', () => {
  it('are taken apart', () => {
    const parts = (jid: string) => [bareOf(jid), localpartOf(jid), domainpartOf(jid), resourceOf(jid)];
    assert.deepEqual(parts('Host1@Skerry.Test/Agent'), ['host1@skerry.test', 'host1', 'skerry.test', 'Agent']);
    assert.deepEqual(parts('central.skerry.test'), ['central.skerry.test', '', 'central.skerry.test', '']);
    assert.deepEqual(parts('central.skerry.test/a@b/c'), ['central.skerry.test', '', 'central.skerry.test', 'a@b/c']);
  });

  it('are compared without the case of name and domain, and with that of the resource', () => {
    assert.ok(sameBare('A@B.c/x', 'a@b.C/y'));
    assert.ok(!sameBare('a@b.c', 'b.c'));
    assert.ok(sameJid('A@B.c/x', 'a@b.c/x'));
    assert.ok(!sameJid('a@b.c/x', 'a@b.c/X'));
    assert.ok(!sameJid('a@b.c/x', 'a@b.c'));
    assert.equal(normalised('A@B.C/Some Thing'), 'a@b.c/Some Thing');
  });

  for (const good of [
    'a@b',
    'skerry.test',
    'a@b/c',
    'a@b/c d',
    'ü@skerry.test',
    'venti@central.skerry.test/host1',
    'a@[::1]',
  ])
    it(`can be: ${good}`, () => assert.equal(isJid(good), true));

  const long = 'x'.repeat(1_024);
  for (const bad of [
    '',
    '@b',
    'a@',
    'a@b/',
    '/r',
    'a b@c',
    'a@b@c',
    'a"@b',
    'a&b@c',
    "a'b@c",
    'a:b@c',
    '<a>@b',
    'a@b\n',
    'a@b/\u0000',
    long,
    `${long}@b`,
    `a@b/${long}`,
  ])
    it(`cannot be: ${JSON.stringify(bad.slice(0, 12))} of ${bad.length}`, () => assert.equal(isJid(bad), false));

  it('are the same when put together again', () => {
    const part = fc.stringMatching(/^[a-z0-9.-]{1,20}$/);
    fc.assert(
      fc.property(part, part, fc.string({ minLength: 1 }), (local, domain, resource) => {
        const jid = `${local}@${domain}/${resource}`;
        assert.equal(`${localpartOf(jid)}@${domainpartOf(jid)}/${resourceOf(jid)}`, jid);
        assert.ok(sameBare(jid, bareOf(jid)));
      }),
    );
  });

  it('of any text do not make it throw', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        if (isJid(text)) assert.ok(domainpartOf(text).length > 0);
      }),
    );
  });
});
