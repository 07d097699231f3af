import assert from 'node:assert/strict';
import { tagHandlers } from '#central/verbs/tag.ts';
import { Failure } from '#shared/errors.ts';
import type { SiteGuestRecord, SiteHostRecord } from '#shared/model/site.ts';
import { readArguments } from '#shared/verb/arguments.ts';
import { parseWords } from '#shared/verb/grammar.ts';
import { sayResult } from '#shared/verb/say.ts';
import { centralVerbs } from '#shared/verbs/central.ts';
import { tagVerbs } from '#shared/verbs/tag.ts';
import { guestOf } from '#test/unit/support/guest.ts';
import { siteOf } from '#test/unit/support/site.ts';

type Id = keyof typeof tagVerbs;
type Tagged = Pick<SiteGuestRecord | SiteHostRecord, 'tags' | 'title' | 'notes'>;

describe('tags, titles and notes', () => {
  let tag: (line: string) => Promise<Tagged>;

  beforeEach(() => {
    const site = siteOf({ host1: [guestOf('fossil', { title: 'of the hypervisor' })] });
    const handlers = tagHandlers(site, () => async () => {}) as unknown as Record<
      Id,
      (args: object) => Promise<unknown>
    >;
    tag = async (line) => {
      const spoken = parseWords(line.split(' '), tagVerbs);
      assert.equal(spoken.kind, 'verb');
      const { verb, args } = spoken as { verb: Id; args: Record<string, unknown> };
      const value = await handlers[verb](readArguments(tagVerbs[verb], args));
      return tagVerbs[verb].result.parse(value) as Tagged;
    };
  });

  for (const what of ['guest tag fossil', 'host tag host1']) {
    const taken = what.replace('tag', 'untag');

    it(`${what} adds, and untag takes away`, async () => {
      assert.deepEqual((await tag(`${what} web edge`)).tags, ['web', 'edge']);
      assert.deepEqual((await tag(`${what} grid web`)).tags, ['web', 'edge', 'grid']);
      assert.deepEqual((await tag(`${taken} web edge`)).tags, ['grid']);
      assert.equal((await tag(`${taken} grid`)).tags, undefined);
    });

    it(`${what} at once with another loses neither`, async () => {
      await Promise.all(['a', 'b', 'c'].map((word) => tag(`${what} ${word}`)));
      assert.deepEqual((await tag(`${what} d`)).tags, ['a', 'b', 'c', 'd']);
    });

    it(`${what} title=… notes=… leaves the tags, and untag takes each away`, async () => {
      await tag(`${what} web`);
      const { tags, title, notes } = await tag(`${what} title=Store notes=Mind-the-step`);
      assert.deepEqual([tags, title, notes], [['web'], 'Store', 'Mind-the-step']);
      const without = await tag(`${taken} title=yes notes=yes`);
      assert.deepEqual([without.tags, without.notes], [['web'], undefined]);
      assert.notEqual(without.title, 'Store');
    });

    it(`${what} changes nothing where a tag is missing, is none, or is one too many`, async () => {
      await tag(`${what} web`);
      await assert.rejects(tag(`${taken} web wbe`), /tags: (fossil|host1) has no tag wbe\. Did you mean web\?/);
      await assert.rejects(tag(what), /say at least one/);
      await assert.rejects(tag(taken), /say at least one/);
      await assert.rejects(tag(`${what} Web!`), /use 1 to 63/);
      const many = Array.from({ length: 50 }, (_, n) => `t${n}`).join(' ');
      await assert.rejects(tag(`${what} ${many}`), /50 are the most, and there would be 51/);
      assert.deepEqual((await tag(`${what} web`)).tags, ['web']);
    });
  }

  it('of a guest stand before what the hypervisor has, and are said', async () => {
    assert.equal((await tag('guest tag fossil web')).title, 'of the hypervisor');
    const shown = await tag('guest tag fossil title=Here edge');
    assert.equal(shown.title, 'Here');
    assert.match(sayResult('guest.tag', centralVerbs, shown, 1), / · Here · tagged web, edge$/);
    assert.equal((await tag('guest untag fossil title=yes')).title, 'of the hypervisor');
  });

  it('of what is not there are refused', async () => {
    const code = (found: string) => (error: unknown) => error instanceof Failure && error.code === found;
    await assert.rejects(tag('guest tag nobody web'), code('guest-not-found'));
    await assert.rejects(tag('host tag host9 web'), code('host-not-found'));
  });
});
