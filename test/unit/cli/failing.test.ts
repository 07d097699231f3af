import assert from 'node:assert/strict';
import { exitOfFound, tell } from '#cli/failing.ts';
import { Failure } from '#shared/errors.ts';
import { StanzaError } from '#shared/xmpp/stanza-error.ts';

/** What `tell` says on stderr. */
function told(error: unknown, json = false): string {
  const { error: original } = console;
  let said = '';
  console.error = (text: string) => {
    said = text;
  };
  try {
    tell(error, { json });
  } finally {
    console.error = original;
  }
  return said;
}

describe('what the command line says of a failure', () => {
  const problem = '3:4: nodes.a: there is no such key\n5:6: nodes.b: write a time';
  const whole = new Failure('chain-file', { file: 'grid', problem });
  const details = { file: 'grid', problem: problem.replace('\n', ' ') };

  it('is in the lines in which it was sent, which attributes on the wire do not keep', () => {
    const cause = new StanzaError('modify', 'not-acceptable', whole.message, 'chain-file', details);
    assert.equal(told(new Failure('chain-file', details, { cause })), whole.message);
    assert.equal(JSON.parse(told(new Failure('chain-file', details, { cause }), true)).text, whole.message);
  });

  it('is its own where what was sent says something else', () => {
    const cause = new StanzaError('auth', 'forbidden', 'Access denied by service policy');
    const failure = new Failure('host-not-found', { host: 'host9' }, { cause });
    assert.match(told(failure), /^There is no host host9\./);
    assert.doesNotMatch(told(failure), /\n/);
  });
});

describe('the exit code of what was carried out', () => {
  it('is 1 where it found something bad, and else 0', () => {
    const good = { hop: 'guest web1', verdict: 'good', found: 'running' };
    const bad = { hop: 'network lan', verdict: 'bad', found: 'it is stopped' };
    assert.deepEqual([bad, [good, bad]].map(exitOfFound), [1, 1]);
    assert.deepEqual(
      [good, [good], [], [{ check: 'disk', verdict: 'warning' }], null, 'bad', { text: 'bad' }].map(exitOfFound),
      [0, 0, 0, 0, 0, 0, 0],
    );
  });
});
