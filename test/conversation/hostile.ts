import { type Element, escapeXML } from '@xmpp/xml';
import fc from 'fast-check';
import { argFields, type Field } from '#shared/verb/fields.ts';
import type { Verb } from '#shared/verb/verb.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';
import { sampleOf } from '#test/unit/support/samples.ts';
import { COMMANDS, HOST } from './stanzas.ts';

/** Stanzas that nobody of good will sends, for properties. Everything here is text, as it comes off the wire. */
export const RUNS = Number(process.env.SKERRY_FUZZ_RUNS ?? 1_000);

export const VERBS = Object.keys(agentVerbs);
export const rowFor = (verb: string): Verb => agentVerbs[verb as keyof typeof agentVerbs];

/** Who may do nothing, and who may only read. */
export const POWERLESS = [
  'stranger@elsewhere.test/x',
  'viewer@skerry.test/x',
  'skerry.test',
  'OP@skerry.test.evil.test/x',
];
export const EVERYBODY = [...POWERLESS, 'op@skerry.test/gajim', 'op@skerry.test/other', 'admin@skerry.test/x'];

/** XML 1.0 cannot carry these at all: a server ends the stream of whoever sends them. */
const carried = (text: string): string =>
  text.toWellFormed().replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '');

const NAMES = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf', 'then', 'length'];
const TRICKS = [
  '../../etc/passwd',
  '/dev/null',
  '; rm -rf /',
  '$(reboot)',
  '`id`',
  '%s%n%d',
  '\u0085\u2028\u202e',
  'a\nb',
  '\t',
  ' ',
  '-1',
  '1e999',
  'NaN',
  '0x10',
  '9'.repeat(400),
  '<!ENTITY a "b">&a;',
  ']]>',
  '<x/>',
  'v'.repeat(70_000),
  '*',
  'venti/../fossil',
  '--help',
];

export const word: fc.Arbitrary<string> = fc
  .oneof(
    fc.constantFrom(...NAMES, ...TRICKS),
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.string({ unit: 'grapheme', maxLength: 300 }),
  )
  .map(carried);

/** What a field takes for sure not: by its kind, its options, its range, its length. */
export function wrongFor(field: Field): fc.Arbitrary<string[]> {
  const several = fc.array(word, { minLength: 2, maxLength: 5 });
  const is = (text: string): boolean => isNumber(text) && inRange(field, Number(text));
  if (field.kind === 'boolean')
    return fc.oneof(word.filter((text) => text !== '' && !isBoolean(text)).map(one), several);
  if (field.kind === 'integer' || field.kind === 'number')
    return fc.oneof(word.filter((text) => text !== '' && !is(text)).map(one), several);
  if (field.kind === 'list')
    return fc.array(fc.constant('v'.repeat((field.lengthMax ?? 1_000) + 1)), { minLength: 1, maxLength: 3 });
  if (field.options)
    return fc.oneof(word.filter((text) => text !== '' && !field.options?.includes(text)).map(one), several);
  const long = fc.constant(one('v'.repeat(Math.min((field.lengthMax ?? 300) + 1, 300_000))));
  if (field.multiline) return long;
  const pattern = field.pattern === undefined ? undefined : new RegExp(field.pattern, 'u');
  const unlike = word.filter((text) => text !== '' && pattern?.test(text) === false).map(one);
  return pattern ? fc.oneof(long, several, unlike) : fc.oneof(long, several);
}

const one = (text: string): string[] => [text];
const isNumber = (text: string): boolean => /^[+-]?\d+(\.\d+)?$/.test(text);
const isBoolean = (text: string): boolean =>
  ['1', '0', 'true', 'false', 'yes', 'no', 'on', 'off', 'y', 'n'].includes(text.toLowerCase());
const inRange = ({ kind, minimum = -Infinity, maximum = Infinity }: Field, value: number): boolean =>
  value >= minimum && value <= maximum && (kind === 'number' || Number.isInteger(value));

/** A right value for each field that must be there. */
export function rightFor(verb: string): Record<string, string> {
  const needed = argFields(rowFor(verb)).filter((field) => field.required);
  return Object.fromEntries(needed.map((field) => [field.name, sampleOf(field)]));
}

const NAMESPACES = ['jabber:x:data', COMMANDS, 'jabber:client', 'urn:skerry:verb:1', '', 'urn:xmpp:ping'];
const ELEMENTS = ['x', 'field', 'value', 'option', 'item', 'reported', 'command', 'actions', 'note', 'query', 'error'];

/** A tree of elements, of names that mean something here and of any. */
export const tree: fc.Arbitrary<string> = fc.letrec<{ node: string; leaf: string; inner: string }>((tie) => ({
  leaf: word.map(escapeXML),
  inner: fc
    .record({
      name: fc.constantFrom(...ELEMENTS),
      xmlns: fc.option(fc.constantFrom(...NAMESPACES), { nil: undefined }),
      attributes: fc.dictionary(
        fc.constantFrom('var', 'type', 'node', 'sessionid', 'action', 'status', 'label', 'xml:lang', 'from'),
        fc.oneof(word, fc.constantFrom('submit', 'form', 'cancel', 'result', 'guest', 'confirm', 'operation', '1')),
        { maxKeys: 4 },
      ),
      children: fc.array(tie('node'), { maxLength: 4 }),
    })
    .map(({ name, xmlns, attributes, children }) =>
      element(name, { ...attributes, ...(xmlns === undefined ? {} : { xmlns }) }, children),
    ),
  node: fc.oneof({ depthSize: 'small', withCrossShrink: true }, tie('leaf'), tie('inner')),
})).node;

export const element = (
  name: string,
  attributes: Readonly<Record<string, string>>,
  children: readonly string[],
): string =>
  `<${name}${Object.entries(attributes)
    .map(([key, value]) => ` ${key}="${escapeXML(value)}"`)
    .join('')}>${children.join('')}</${name}>`;

/** A form that is nearly right: names that are known, values that may be. */
const nearlyForm: fc.Arbitrary<string> = fc
  .record({
    type: fc.oneof({ weight: 5, arbitrary: fc.constant('submit') }, { weight: 1, arbitrary: word }),
    fields: fc.dictionary(
      fc.oneof(
        { weight: 3, arbitrary: fc.constant('guest') },
        {
          weight: 4,
          arbitrary: fc.constantFrom('confirm', 'operation', 'skip', 'FORM_TYPE', 'name', 'vcpus', 'lines', 'job'),
        },
        { weight: 1, arbitrary: word },
      ),
      fc.oneof(fc.constantFrom('venti', 'fossil', '1', '0'), word),
      { maxKeys: 4 },
    ),
  })
  .map(({ type, fields }) =>
    element(
      'x',
      { xmlns: 'jabber:x:data', type },
      Object.entries(fields).map(([name, value]) =>
        element('field', { var: name }, [element('value', {}, [escapeXML(value)])]),
      ),
    ),
  );

/** A session that was given out in this run, for `from` or for somebody else. */
export interface Seen {
  sessionid: string;
  from: string;
  node: string;
}

const mostly = <T>(usual: fc.Arbitrary<T>, unusual: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof({ weight: 7, arbitrary: usual }, { weight: 1, arbitrary: unusual });

const anyAction = mostly<string | undefined>(
  fc.constantFrom(undefined, 'execute', 'next', 'prev', 'complete', 'cancel'),
  word,
);

/** A command with anything in it: any node, any session, any action, any payload. Given what was seen, it is text. */
export const anyCommand: fc.Arbitrary<(seen: readonly Seen[]) => string> = fc
  .record({
    type: mostly(fc.constant('set'), fc.constant('get')),
    from: fc.constantFrom(...EVERYBODY),
    node: mostly(
      fc.constantFrom(...VERBS).map((verb) => `urn:skerry:verb:1#${verb}`),
      fc.oneof(
        word,
        word.map((text) => `urn:skerry:verb:1#${text}`),
      ),
    ),
    action: anyAction,
    payload: fc.oneof(
      nearlyForm.map((form) => [form]),
      fc.constant([]),
      fc.array(tree, { maxLength: 3 }),
    ),
    session: fc.oneof(
      fc.constant(undefined),
      fc.record({ at: fc.nat({ max: 30 }), own: mostly(fc.constant(true), fc.constant(false)) }),
      word,
    ),
  })
  .map(({ session, payload, action, ...rest }) => (seen) => {
    const known = typeof session === 'object' ? seen.at(-1 - session.at) : undefined;
    const sessionid = known?.sessionid ?? (typeof session === 'string' ? session : undefined);
    const { type, from, node } = known && typeof session === 'object' && session.own ? { ...rest, ...known } : rest;
    const attributes = { xmlns: COMMANDS, node, ...defined({ sessionid, action }) };
    return element('iq', { type, id: '1', from, to: HOST }, [element('command', attributes, payload)]);
  });

const defined = (attributes: Readonly<Record<string, string | undefined>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(attributes).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );

/** RFC 6120 section 8.3.3, of which an answer must have one. */
const CONDITIONS = new Set(
  'bad-request conflict feature-not-implemented forbidden gone internal-server-error item-not-found jid-malformed not-acceptable not-allowed not-authorized policy-violation recipient-unavailable redirect registration-required remote-server-not-found remote-server-timeout resource-constraint service-unavailable subscription-required undefined-condition unexpected-request'.split(
    ' ',
  ),
);

/** The condition of an error answer. @throws Error where it is no proper one */
export function conditionOf(reply: Element): string | undefined {
  if (reply.attrs.type === 'result') return undefined;
  const error = reply.getChild('error');
  const [condition] = error?.getChildElements() ?? [];
  const isProper =
    ['auth', 'cancel', 'modify', 'wait'].includes(error?.attrs.type ?? '') &&
    condition?.getNS() === 'urn:ietf:params:xml:ns:xmpp-stanzas' &&
    CONDITIONS.has(condition.name);
  if (!isProper) throw new Error(`no proper error: ${reply}`);
  return condition.name;
}
