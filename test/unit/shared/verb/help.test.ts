import assert from 'node:assert/strict';
import { z } from 'zod';
import { argFields } from '#shared/verb/fields.ts';
import { helpText, usageOf } from '#shared/verb/help.ts';
import { verb } from '#shared/verb/verb.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';

describe('help', () => {
  it('lists what there is, and nothing else', () => {
    const { 'guest.list': list, 'guest.info': info } = agentVerbs;
    const text = helpText([], { 'guest.list': list, 'guest.info': info });
    assert.match(text, /^guest: list, info\n/);
    assert.doesNotMatch(text, /start|host|console/);
    assert.match(text, /Say help guest list/);
  });

  it('explains a verb with its arguments, defaults, bounds and an example', () => {
    const text = helpText(['guest', 'shutdown'], agentVerbs);
    assert.match(text, /^guest shutdown GUEST \[waitS=N\] \[forceAfterS=N\]\nAsk a guest to shut down/);
    assert.match(text, /\n {2}waitS: .*\(in s, from 1 to 3600, default 120\)\n/);
    assert.match(text, /\n {2}guest: .*must be given/);
    assert.match(text, /\nFor example: guest shutdown venti forceAfterS=60$/);
    assert.equal(helpText(['shutdown'], agentVerbs), text);
    assert.equal(helpText(['Guest.Shutdown'], agentVerbs), text);
  });

  it('warns of what may lose work', () => {
    assert.match(helpText(['guest', 'poweroff'], agentVerbs), /may lose work or data, and asks before/);
    assert.doesNotMatch(helpText(['guest', 'start'], agentVerbs), /may lose/);
  });

  it('explains all verbs of a noun in a line each', () => {
    const lines = helpText(['job'], agentVerbs).split('\n');
    assert.deepEqual(
      lines.map((line) => line.split(':')[0]),
      ['job list', 'job info', 'job cancel'],
    );
  });

  it('suggests what was meant, and is not led astray', () => {
    assert.match(helpText(['guest', 'strat'], agentVerbs), /no help for guest strat. Did you mean guest start/);
    assert.match(helpText(['gest'], agentVerbs), /Did you mean guest/);
    for (const word of ['constructor', '__proto__', 'guest.constructor'])
      assert.match(helpText([word], agentVerbs), /There is no help for/);
  });

  it('has for every argument of every verb what may be given', () => {
    for (const [id, row] of Object.entries(agentVerbs)) {
      const text = helpText(id.split('.'), agentVerbs);
      assert.ok(text.startsWith(usageOf(id, row)), id);
      for (const field of argFields(row)) assert.ok(text.includes(`\n  ${field.name}: `), `${id} ${field.name}`);
    }
  });

  it('shows a named argument that must be given without brackets', () => {
    const row = verb({
      summary: 'Test.',
      risk: 'read',
      args: z.strictObject({ colour: z.enum(['red', 'blue']), loud: z.boolean().default(true) }),
      positional: [],
      result: z.strictObject({}),
      failures: [],
      timeoutMs: 1,
    });
    assert.equal(usageOf('test.paint', row), 'test paint colour=red|blue [loud=yes|no]');
    assert.match(
      helpText(['paint'], { 'test.paint': row }),
      /colour: colour\. \(must be given, red, blue\)\n {2}loud: .*default yes/,
    );
  });
});
