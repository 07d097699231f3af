import assert from 'node:assert/strict';
import fc from 'fast-check';
import { after, describe, it } from 'mocha';
import { quote } from '#agent/drivers/libvirt/quote.ts';
import { virshProcess } from '#agent/drivers/libvirt/virsh-process.ts';
import { Failure } from '#shared/errors.ts';

describe('agent/drivers/libvirt: words for virsh', () => {
  const virsh = virshProcess('test:///default');
  after(() => virsh.kill());

  const awkward = fc.string({
    unit: fc.oneof(
      fc.constantFrom(
        '"',
        "'",
        '\\',
        ';',
        '#',
        '$',
        '`',
        '-',
        '--',
        ' ',
        '!',
        '=',
        '\\"',
        '\u00e9',
        '☃',
        '𝄞',
        '\u0301',
      ),
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
    ),
    minLength: 1,
    maxLength: 120,
  });
  const isSayable = (text: string) => !/[\p{Cc}\p{Cs}\u2028\u2029]/u.test(text);

  it('reads back each word as it was, and runs nothing of it', async () => {
    await fc.assert(
      fc.asyncProperty(awkward.filter(isSayable), async (word) => {
        assert.deepEqual(await virsh.exchange(`echo --str ${quote(word)}`), { out: word, problem: '' });
      }),
      { numRuns: 300 },
    );
  });

  it('reads back words one by one', async () => {
    const answer = await virsh.exchange(`echo --str ${['a b', ';list', "'", '"'].map(quote).join(' ')}`);
    assert.deepEqual(answer, { out: `a b ;list ' "`, problem: '' });
  });

  it('refuses what no line can hold', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.constantFrom('\n', '\r', '\t', '\0', '\x1b', '\x7f', '\x03', '\u0085', '\u2028', '\ud800'),
        (text, bad) => {
          assert.throws(
            () => quote(text + bad),
            (error) => error instanceof Failure && error.code === 'host-command',
          );
        },
      ),
    );
  });

  it('takes nothing that virsh prints for the end of an answer', async () => {
    const help = await virsh.exchange('help');
    assert.equal(help.problem, '');
    assert.match(help.out, /domstats/);
    assert.match((await virsh.exchange('no-such-command')).problem, /unknown command/);
    assert.match((await virsh.exchange('echo "open')).problem, /missing "/);
    assert.deepEqual(await virsh.exchange('echo still here'), { out: 'still here', problem: '' });
  });
});
