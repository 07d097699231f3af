import assert from 'node:assert/strict';
import { z } from 'zod';
import { bytesText, secondsText } from '#shared/verb/amounts.ts';
import { lineOf, plainText, sayRecord, sayResult } from '#shared/verb/say.ts';
import { verb } from '#shared/verb/verb.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';

const venti = {
  name: 'venti',
  state: 'running',
  host: 'host1',
  vcpus: 1,
  memoryMiB: 96,
  addresses: ['10.0.0.7', 'fe80::1'],
  autostart: false,
  persistent: true,
  uuid: 'u',
};

describe('answers in words', () => {
  it('says a record in one line', () =>
    assert.equal(lineOf(agentVerbs['guest.info'], venti), 'venti · running · 1 vCPU · 96 MiB · 10.0.0.7, fe80::1'));

  it('leaves out a part whose fields are all missing, with its separator', () => {
    assert.equal(lineOf(agentVerbs['guest.info'], { ...venti, addresses: [] }), 'venti · running · 1 vCPU · 96 MiB');
    const { addresses: _, ...without } = venti;
    assert.equal(lineOf(agentVerbs['guest.info'], without), 'venti · running · 1 vCPU · 96 MiB');
  });

  it('keeps a part of which one field is there', () => {
    const row = verb({
      summary: 'Test.',
      risk: 'read',
      args: z.strictObject({}),
      positional: [],
      result: z.strictObject({ a: z.string().optional(), b: z.string().optional() }).meta({ line: '{a} of {b} · {a}' }),
      failures: [],
      timeoutMs: 1,
    });
    assert.equal(lineOf(row, { b: 'x' }), 'of x');
    assert.equal(lineOf(row, { a: '', b: '' }), '');
  });

  it('says a list a line a record, and an empty one in words', () => {
    assert.equal(sayResult('guest.list', agentVerbs, [], 60), 'No guests.');
    assert.equal(sayResult('job.list', agentVerbs, [], 60), 'No jobs.');
    assert.equal(sayResult('host.health', agentVerbs, [], 60), 'Nothing.');
    assert.equal(sayResult('guest.list', agentVerbs, [venti, venti], 60).split('\n').length, 2);
  });

  it('cuts a long list, and says how to ask for less', () => {
    const said = sayResult('guest.list', agentVerbs, Array(100).fill(venti), 60).split('\n');
    assert.equal(said.length, 61);
    assert.equal(said.at(-1), '… and 40 more. Ask for fewer: guest list state=… match=…');
    assert.equal(
      sayResult('console.list', agentVerbs, Array(61).fill({ guest: 'a' }), 60)
        .split('\n')
        .at(-1),
      '… and 1 more.',
    );
  });

  it('says all of what an info is about, with units', () => {
    const said = sayResult('guest.info', agentVerbs, venti, 60);
    assert.match(said, /^Name: venti\nState: running\n/);
    assert.match(said, /\nMemory: 96 MiB\n/);
    assert.match(said, /\nAutostart: no\n/);
    assert.doesNotMatch(said, /Reason/);
    const stats = { name: 'venti', state: 'running', cpuTimeS: 93_784.5, blockReadBytes: 1_610_612_736 };
    assert.equal(
      sayRecord(agentVerbs['guest.stats'], stats),
      'Name: venti\nState: running\nCPU time: 1 d 2 h\nDisks read: 1.5 GiB',
    );
  });

  it('says amounts as people do', () => {
    assert.deepEqual([0, 1023, 1024, 1_536, 5 * 1024 ** 3].map(bytesText), [
      '0 bytes',
      '1023 bytes',
      '1 KiB',
      '1.5 KiB',
      '5 GiB',
    ]);
    assert.deepEqual([0, 1.234, 119, 120, 3_600, 3_661, 86_400 * 3 + 60].map(secondsText), [
      '0 s',
      '1.23 s',
      '119 s',
      '2 min',
      '1 h',
      '1 h 1 min',
      '3 d',
    ]);
  });

  it('shows of a console what a terminal would, and nothing of how', () => {
    const text =
      '\u001b[2J\u001b[1;31mred\u001b[0m\r\n\u001b]0;title\u0007 10%\r 20%\r100%\r\n~ # \u001b[6n\u0000\ufffd';
    assert.equal(plainText(text), 'red\n100%\n~ #');
    const answer = { guest: 'venti', from: 0, next: 1, missed: 0, text: '' };
    assert.equal(sayResult('console.read', agentVerbs, answer, 60), 'Text: nothing.');
  });

  it('makes a long line plain in no time', () => {
    assert.equal(plainText('a'.repeat(2_000_000)).length, 2_000_000);
    assert.equal(plainText('\u001b]'.repeat(500_000)).length < 1_000_000, true);
  });
});
