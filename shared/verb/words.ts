import { Failure } from '#shared/errors.ts';
import { spokenOf } from './verb.ts';

const LINE_MAX = 16_384;
const WORDS_MAX = 500;

/** What opens a quotation and what closes it. Telephones put “ ” where one types ". */
const QUOTES: Readonly<Record<string, string>> = { '"': '"', "'": "'", '“': '”"', '„': '“”"' };
const SPECIAL = /[\s"'\\“”„]/;

/**
 * Cut a line into words as people expect of a shell: blanks part them, "…" and '…' hold them together, \ takes the next
 * character as it is (not within '…'). Nothing is expanded.
 *
 * @throws Failure bad-argument for a quote that is not closed, and for a line that is too long
 */
export function wordsIn(line: string): string[] {
  if (line.length > LINE_MAX) throw tooLong(`${line.length} characters; ${LINE_MAX}`);
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let at = 0; at < line.length; at++) {
    const character = line[at] ?? '';
    if (character === '\\' && quote !== "'") {
      word = (word ?? '') + (line[++at] ?? '\\');
    } else if (quote !== '') {
      if (quote.includes(character)) quote = '';
      else word += character;
    } else if (Object.hasOwn(QUOTES, character)) {
      quote = QUOTES[character] ?? '';
      word ??= '';
    } else if (/\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? '') + character;
    }
  }
  if (quote !== '') throw new Failure('bad-argument', { field: 'line', problem: `a ${quote[0]} is not closed` });
  if (word !== undefined) words.push(word);
  if (words.length > WORDS_MAX) throw tooLong(`${words.length} words; ${WORDS_MAX}`);
  return words;
}

const tooLong = (found: string): Failure =>
  new Failure('bad-argument', { field: 'line', problem: `it has ${found} are the most` });

/** Put a word so that `wordsIn` reads it as one. */
export const quoted = (word: string): string =>
  word !== '' && !SPECIAL.test(word) ? word : `"${word.replace(/["\\]/g, '\\$&')}"`;

/** A call as a line that reads back as the same call. */
export function lineFor(verb: string, args: Readonly<Record<string, unknown>>): string {
  const parts = Object.entries(args).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((each) => quoted(`${name}=${String(each)}`)),
  );
  return [spokenOf(verb), ...parts].join(' ');
}
