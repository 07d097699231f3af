import assert from 'node:assert/strict';
import fc from 'fast-check';
import { z } from 'zod';
import { Failure } from '#shared/errors.ts';
import { argFields } from '#shared/verb/fields.ts';
import { parseWords } from '#shared/verb/grammar.ts';
import { rowOf, type Verb, type VerbTable, verb } from '#shared/verb/verb.ts';
import { lineFor, wordsIn } from '#shared/verb/words.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';
import { centralVerbs } from '#shared/verbs/central.ts';

const table: VerbTable = agentVerbs;
const read = (line: string, within: VerbTable = table) => {
  const spoken = parseWords(wordsIn(line), within);
  return spoken.kind === 'verb' ? { ...spoken, args: { ...spoken.args } } : spoken;
};
const call = (id: string, args: Record<string, unknown> = {}) => ({ kind: 'verb', verb: id, args });
const refused = (line: string, problem: RegExp, within?: VerbTable): void => {
  assert.throws(
    () => read(line, within),
    (error) => error instanceof Failure && problem.test(error.message),
    line,
  );
};

describe('the grammar of verbs', () => {
  it('reads a noun and a verb, in any case, with a blank or a dot between', () => {
    for (const line of ['guest start venti', 'Guest START venti', 'guest.start venti', '  guest\tstart\nventi '])
      assert.deepEqual(read(line), call('guest.start', { guest: 'venti' }));
  });

  it('needs no noun where one alone has the verb', () => {
    assert.deepEqual(read('start venti'), call('guest.start', { guest: 'venti' }));
    assert.deepEqual(read('cancel 7'), call('job.cancel', { job: '7' }));
  });

  it('asks which one where several nouns have the verb, and takes list and info for guests', () => {
    refused('tag venti', /which one: guest tag venti, or host tag venti/, centralVerbs);
    assert.deepEqual(read('info venti'), call('guest.info', { guest: 'venti' }));
    assert.deepEqual(read('list'), call('guest.list'));
    assert.deepEqual(read('start venti', centralVerbs), call('guest.start', { guest: 'venti' }));
  });

  it('reads networks and routers as one says them', () => {
    const said = (line: string) => read(line, centralVerbs);
    const two = { guest: 'web1', ip: ['10.99.0.12', 'fd00:99::c'] };
    assert.deepEqual(said('network attach web1 10.99.0.12 fd00:99::c'), call('network.attach', two));
    const lan = { router: 'lan', public: ['192.0.2.10/24'], subnet: ['10.99.0.0/16', 'fd00:99::/64'] };
    const line = 'router create lan public=192.0.2.10/24 subnet=10.99.0.0/16 subnet=fd00:99::/64';
    assert.deepEqual(said(line), call('router.create', lan));
    const forward = { router: 'lan', port: '8080', to: 'web1:80' };
    assert.deepEqual(said('router forward-add lan 8080 web1:80'), call('router.forward-add', forward));
    const ingress = { router: 'lan', name: 'www.example.org', server: ['web1:8080', 'web2'], check: '/health' };
    const words = 'router ingress-add lan www.example.org web1:8080 web2 check=/health';
    assert.deepEqual(said(words), call('router.ingress-add', ingress));
  });

  it('looks at the verbs that it is given, and at no others', () => {
    const { 'guest.info': info } = agentVerbs;
    assert.deepEqual(read('info venti', { 'guest.info': info }), call('guest.info', { guest: 'venti' }));
    refused('start venti', /no verb “start”/, { 'guest.info': info });
  });

  it('never takes the beginning of a word for the word', () => {
    refused('starting venti', /no verb “starting”/);
    refused('guest star venti', /Did you mean start/);
    refused('information', /no verb/);
  });

  it('takes arguments by name and by place, and names without case, dashes or unit', () => {
    const args = { name: 'web1', memoryMiB: '512', vcpus: '2' };
    assert.deepEqual(read('guest define memoryMiB=512 web1 vcpus=2'), call('guest.define', args));
    assert.deepEqual(read('guest define memory-mib=512 name=web1 VCPUS=2'), call('guest.define', args));
    assert.deepEqual(read('guest define memory=512 web1 vcpus=2'), call('guest.define', args));
    assert.deepEqual(
      read('shutdown venti force-after=60'),
      call('guest.shutdown', { guest: 'venti', forceAfterS: '60' }),
    );
  });

  it('gathers what is given again into a list, and refuses it elsewhere', () => {
    assert.deepEqual(
      read('guest define web1 disk=/a disk=/b'),
      call('guest.define', { name: 'web1', disk: ['/a', '/b'] }),
    );
    refused('guest define web1 vcpus=1 vcpus=2', /vcpus: it is given twice/);
  });

  it('gives the last place what is left, where it is a list', () => {
    const row = verb({
      summary: 'Test.',
      risk: 'read',
      args: z.strictObject({ guest: z.string(), words: z.array(z.string()) }),
      positional: ['guest', 'words'],
      result: z.strictObject({}),
      failures: [],
      timeoutMs: 1,
    });
    assert.deepEqual(
      read('do venti a b c', { 'test.do': row }),
      call('test.do', { guest: 'venti', words: ['a', 'b', 'c'] }),
    );
    assert.deepEqual(
      read('do guest=venti -- guest=a -- words=b', { 'test.do': row }),
      call('test.do', { guest: 'venti', words: ['guest=a', '--', 'words=b'] }),
    );
  });

  it('keeps together what quotes hold together, those of telephones too', () => {
    const typed = call('console.send', { guest: 'venti', text: 'uname -a' });
    for (const text of ['"uname -a"', "'uname -a'", '“uname -a”', '„uname -a“', 'uname\\ -a', '“uname -a"'])
      assert.deepEqual(read(`console send venti ${text}`), typed, text);
    assert.deepEqual(wordsIn(`a"b c"d '' "it's" 'a\\b' \\"`), ['ab cd', '', "it's", 'a\\b', '"']);
    refused('console send venti "uname', /a " is not closed/);
    refused('console send venti uname -a', /Put what belongs to text in "quotes"/);
  });

  it('takes = in a text for itself where no argument has that name', () => {
    assert.deepEqual(read('console send venti A=1'), call('console.send', { guest: 'venti', text: 'A=1' }));
  });

  it('reads help and codes', () => {
    assert.deepEqual(read('Help guest start'), { kind: 'help', topic: ['guest', 'start'] });
    assert.deepEqual(read('?'), { kind: 'help', topic: [] });
    assert.deepEqual(read('yes k7xp'), { kind: 'yes', code: 'k7xp' });
    refused('yes', /with the code/);
    refused('yes please do', /with the code/);
  });

  it('suggests what was meant', () => {
    refused('guest strat venti', /Did you mean start\?/);
    refused('gest start venti', /Did you mean guest start/);
    refused('strat venti', /Did you mean start/);
    refused('hlep', /Did you mean help/);
    refused('guest define web1 memroy=512', /Did you mean memory\?/);
    refused('guest', /say what to do: list, info, start/);
  });

  it('finds nothing by the names that every object has', () => {
    for (const line of [
      'constructor',
      '__proto__ x',
      'guest __proto__',
      'guest.constructor',
      'toString',
      'host list __proto__=1',
    ])
      assert.throws(() => read(line), Failure, line);
    assert.deepEqual(
      read('console send venti __proto__=1'),
      call('console.send', { guest: 'venti', text: '__proto__=1' }),
    );
    assert.equal(({} as Record<string, unknown>)['1'], undefined);
  });
});

describe('the grammar of verbs, for any line', () => {
  /** A call of some verb with some of its arguments, as words. */
  const anyCall = fc.constantFrom(...Object.keys(table)).chain((id) => {
    const fields = argFields(rowOf(table, id) as Verb);
    const word = fc.string({ unit: 'binary', maxLength: 30 });
    const values = Object.fromEntries(
      fields.map((field) => [
        field.name,
        field.kind === 'list' ? fc.array(word, { minLength: 1, maxLength: 4 }) : word,
      ]),
    );
    return fc.record({ verb: fc.constant(id), args: fc.record(values, { requiredKeys: [], noNullPrototype: true }) });
  });

  it('reads back every call that it prints', () => {
    fc.assert(
      fc.property(anyCall, ({ verb: id, args }) => {
        assert.deepEqual(read(lineFor(id, args)), call(id, args));
      }),
      { numRuns: 2_000 },
    );
  });

  it('throws nothing but failures', () => {
    const anyWord = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 12 }),
      fc.constantFrom('guest', 'start', 'define', 'disk=', '"', "'", '\\', 'help', 'yes', '__proto__', '=', '“'),
    );
    const anyLine = fc.array(anyWord, { maxLength: 8 }).map((words) => words.join(' '));
    fc.assert(
      fc.property(fc.oneof(anyLine, fc.string({ unit: 'binary' })), (line) => {
        try {
          read(line);
        } catch (error) {
          assert.ok(error instanceof Failure, String(error));
          assert.ok(error.message.length < 1_500, 'an answer is never much longer than what there is to say');
        }
      }),
      { numRuns: 5_000 },
    );
  });

  it('refuses lines and words beyond measure', () => {
    refused('a'.repeat(20_000), /20000 characters; 16384 are the most/);
    refused('a '.repeat(600), /600 words; 500 are the most/);
  });
});
