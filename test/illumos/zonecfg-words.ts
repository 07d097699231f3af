/** One subcommand of zonecfg: its words, and the pairs `name=value` among them. */
export interface Subcommand {
  name: string;
  words: string[];
  pairs: [name: string, value: Value][];
  line: number;
}

/** A simple value, or a list; what is complex, `(a=b,c=d)`, is kept as its text. */
export type Value = string | string[];

/** It cannot be read. */
export class SyntaxProblem extends Error {
  readonly line: number;
  constructor(line: number) {
    super(`syntax error on line ${line}`);
    this.line = line;
  }
}

/**
 * Read the subcommands of a command file, or of the command line.
 *
 * Shape: subcommands parted by newline or `;`; `#` to the end of the line is a comment; values are words, "quoted",
 * [lists] or (complex=ones).
 * Source: zonecfg(8), "Properties" and "Subcommands"
 */
export function* subcommands(text: string): Generator<Subcommand> {
  const tokens = tokensOf(text);
  let current: Token[] = [];
  for (const token of tokens) {
    if (token.kind === 'end') {
      if (current.length > 0) yield subcommandOf(current);
      current = [];
    } else current.push(token);
  }
  if (current.length > 0) yield subcommandOf(current);
}

interface Token {
  kind: 'word' | 'equals' | 'list' | 'end' | 'open';
  text: string;
  items?: string[];
  line: number;
}

const PIECE =
  /[ \t]+|(#[^\n]*)|(\n|;)|(=)|"([^"\n]*)"|(\[[^\]\n]*\])|(\([^)\n]*\))|([^\s;="#[\](),]+(?:,[^\s;="#[\](),]+)*)|(.)/gy;

function* tokensOf(text: string): Generator<Token> {
  let line = 1;
  for (const match of text.matchAll(PIECE)) {
    const [whole, comment, end, equals, quoted, list, complex, word, odd] = match;
    if (odd !== undefined) throw new SyntaxProblem(line);
    if (comment !== undefined) continue;
    if (end !== undefined) {
      yield { kind: 'end', text: whole, line };
      if (end === '\n') line++;
    } else if (equals !== undefined) yield { kind: 'equals', text: '=', line };
    else if (list !== undefined) yield { kind: 'list', text: list, items: itemsOf(list), line };
    else if (quoted !== undefined || complex !== undefined || word !== undefined) {
      yield { kind: 'word', text: quoted ?? complex ?? word ?? '', line };
    }
  }
}

/** `[a,b]`, `[]`, `["x=y",b]`, `[(priv=…,limit=…),(…)]`. */
const itemsOf = (list: string): string[] =>
  [...list.slice(1, -1).matchAll(/\([^)]*\)|"[^"]*"|[^,\s]+/g)].map(([item]) => item.replace(/^"|"$/g, ''));

function subcommandOf(tokens: readonly Token[]): Subcommand {
  const [first] = tokens;
  if (first?.kind !== 'word') throw new SyntaxProblem(first?.line ?? 1);
  const found: Subcommand = { name: first.text, words: [], pairs: [], line: first.line };
  for (let at = 1; at < tokens.length; at++) {
    const token = tokens[at]!;
    const next = tokens[at + 1];
    if (token.kind === 'word' && next?.kind === 'equals') {
      const value = tokens[at + 2];
      found.pairs.push([token.text, value === undefined ? '' : valueIn(value)]);
      at += 2;
    } else if (token.kind === 'word') found.words.push(token.text);
    else if (token.kind === 'list') found.pairs.push([found.words.pop() ?? '', token.items ?? []]);
    else throw new SyntaxProblem(token.line);
  }
  return found;
}

const valueIn = (token: Token): Value => (token.kind === 'list' ? (token.items ?? []) : token.text);
