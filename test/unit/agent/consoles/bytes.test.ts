import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { newsIn, overlap } from '#agent/consoles/joining.ts';
import { plainText, restOfLetter, wholeBytes } from '#agent/consoles/plain-text.ts';
import { ring } from '#agent/consoles/ring.ts';
import { typedBytes } from '#agent/consoles/typed.ts';
import { Failure } from '#shared/errors.ts';

const bytesOf = (text: string) => Buffer.from(text);

describe('console ring', () => {
  it('holds the newest bytes by their place in the whole', () => {
    const pieces = fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 30 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), pieces, fc.nat(2000), fc.nat(2000), (keep, parts, a, b) => {
        const kept = ring(keep);
        for (const part of parts) kept.append(part);
        const all = Buffer.concat(parts);
        assert.equal(kept.end, all.length);
        assert.equal(kept.start, Math.max(0, all.length - keep));
        const from = a % (all.length + 2);
        const to = from + (b % 200);
        assert.deepEqual(kept.slice(from, to), all.subarray(Math.max(from, kept.start), Math.max(to, kept.start)));
      }),
      { numRuns: 500 },
    );
  });

  it('does not hold on to the memory of who wrote', () => {
    const kept = ring(10);
    const bytes = bytesOf('abc');
    kept.append(bytes);
    bytes.fill(0);
    assert.equal(kept.slice(0).toString(), 'abc');
  });
});

describe('console text', () => {
  it('leaves control sequences out, and ends lines as text does', () => {
    const cases = {
      '\x1b[1;32mgreen\x1b[0m\r\nnext\r\r\n': 'green\nnext\n',
      '\x1b]0;title\x07shown': 'shown',
      '\x1b]0;title\x1b\\shown': 'shown',
      '\x1b(Bplain\x1bM\x1b7\x1b=': 'plain',
      'abd\b \bc\x07': 'abc',
      '10%\r20%\r\n': '10%\n20%\n',
      'tab\tstays\x00\x01\x7f': 'tab\tstays',
      'größe ☃ 𝄞': 'größe ☃ 𝄞',
    };
    for (const [raw, shown] of Object.entries(cases)) assert.equal(plainText(bytesOf(raw)), shown, JSON.stringify(raw));
  });

  it('comes out the same, however the bytes are cut', () => {
    const piece = fc.constantFrom('a', 'ß', '☃', '𝄞', '\r\n', '\x1b[31m', '\x1b]0;t\x07', '\x1b(B', 'word ');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), fc.array(fc.nat(9), { maxLength: 60 }), (pieces, cuts) => {
        const whole = bytesOf(pieces.join(''));
        let waiting = Buffer.alloc(0);
        let at = 0;
        let text = '';
        for (const cut of [...cuts, whole.length]) {
          waiting = Buffer.concat([waiting, whole.subarray(at, at + cut)]);
          at += cut;
          const ready = wholeBytes(waiting);
          text += plainText(waiting.subarray(0, ready));
          waiting = waiting.subarray(ready);
        }
        assert.equal(text + plainText(waiting), plainText(whole));
      }),
      { numRuns: 1000 },
    );
  });

  it('waits for no more than can come of what there is', () => {
    assert.equal(wholeBytes(bytesOf('abc')), 3);
    assert.equal(wholeBytes(Buffer.from([0x61, 0xff, 0xff])), 3);
    assert.equal(wholeBytes(Buffer.from([0x61, 0x80, 0x80, 0x80, 0x80])), 5);
    assert.equal(wholeBytes(Buffer.concat([bytesOf('a'), bytesOf('☃').subarray(0, 2)])), 1);
    assert.equal(wholeBytes(bytesOf(`\x1b]0;${'x'.repeat(300)}`)), 304);
    assert.equal(restOfLetter(bytesOf('☃a').subarray(1)), 2);
  });
});

describe('joining pieces of one stream', () => {
  it('finds where one goes on in the other', () => {
    assert.equal(overlap(bytesOf('abcab'), bytesOf('abx')), 2);
    assert.equal(overlap(bytesOf('abc'), bytesOf('xyz')), 0);
    assert.equal(overlap(bytesOf('abc'), bytesOf('abc')), 3);
    assert.equal(overlap(bytesOf(''), bytesOf('abc')), 0);
    assert.equal(overlap(bytesOf('aaab'), bytesOf('aab')), 3);
  });

  it('takes of a log what is not known yet', () => {
    assert.equal(newsIn(bytesOf('boot\nlogin: '), bytesOf('')).toString(), 'boot\nlogin: ');
    assert.equal(newsIn(bytesOf('boot\nlogin: halt\nboot\n'), bytesOf('boot\nlogin: halt\n')).toString(), 'boot\n');
    assert.equal(newsIn(bytesOf('in: halt\nnew'), bytesOf('boot\nlogin: halt\n')).toString(), 'new');
    assert.equal(newsIn(bytesOf('another log'), bytesOf('boot\n')).toString(), 'another log');
    assert.equal(newsIn(bytesOf('boot\n'), bytesOf('boot\n')).toString(), '');
  });
});

describe('typed text', () => {
  it('takes escapes as in C, and adds Enter', () => {
    assert.deepEqual(typedBytes('ls -l', true), bytesOf('ls -l\r'));
    assert.deepEqual(typedBytes('a\\n\\r\\t\\e\\\\\\x03\\xff', false), Buffer.from([97, 10, 13, 9, 27, 92, 3, 255]));
    assert.deepEqual(typedBytes('grüße', false), bytesOf('grüße'));
    assert.deepEqual(typedBytes('', true), bytesOf('\r'));
  });

  it('refuses what is none, and says what there is', () => {
    for (const text of ['\\q', 'end\\', '\\x4', '\\xzz']) {
      assert.throws(
        () => typedBytes(text, true),
        (error) => error instanceof Failure && error.code === 'bad-argument',
        text,
      );
    }
  });
});
