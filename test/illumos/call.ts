import type { IllumosHost } from './host.ts';
import { GLOBAL } from './state.ts';

/** One run of one program on a modelled host. */
export interface Call {
  host: IllumosHost;
  /** The name that it was called by. */
  name: string;
  args: readonly string[];
  input: string;
  /** The zone that it runs in. */
  zone: string;
  /** It is a process of its own, which may start others. */
  isProcess: boolean;
  /** It is to end. */
  signal: AbortSignal;
  out(line: string): void;
  err(line: string): void;
  /** Time that the program takes. @throws what ends the program early */
  takes(ms: number): Promise<void>;
  /** Half of the effect is there: here it may be told to fail, hang or be killed. @throws Broken, or what ends the program */
  middle(): Promise<void>;
}

/** Returns its exit code. */
export type Program = (call: Call) => Promise<number> | number;

export const OK = 0;
export const ERR = 1;
export const USAGE = 2;

/** A program that says why, and ends. */
export class Exit extends Error {
  readonly code: number;
  constructor(message: string, code: number = ERR) {
    super(message);
    this.code = code;
  }
}

/** It was told to fail there. */
export class Broken extends Exit {}

/** It was told to be killed there. */
export class Killed extends Error {}

export const inGlobal = (call: Call): boolean => call.zone === GLOBAL;

export interface Options {
  flags: Map<string, string>;
  /** Each time that an option was given. */
  all: [string, string][];
  rest: string[];
  /** An option that there is not, or one without its value. */
  bad?: string;
}

/** getopt(3C): short options before the first word that is none; `o:` takes a value. `long` names what `--word` means. */
export function options(args: readonly string[], letters: string, long: Record<string, string> = {}): Options {
  const found: Options = { flags: new Map(), all: [], rest: [] };
  const note = (letter: string, value: string) => {
    found.flags.set(letter, value);
    found.all.push([letter, value]);
  };
  const takesValue = (letter: string) => letters[letters.indexOf(letter) + 1] === ':';
  let at = 0;
  for (; at < args.length; at++) {
    const word = args[at]!;
    if (word === '--') {
      at++;
      break;
    }
    if (!word.startsWith('-') || word === '-') break;
    if (word.startsWith('--')) {
      const [name = '', ...value] = word.slice(2).split('=');
      const letter = long[name];
      if (letter === undefined) return { ...found, bad: word };
      note(letter, takesValue(letter) ? (value.length > 0 ? value.join('=') : (args[++at] ?? '')) : '');
      continue;
    }
    for (let index = 1; index < word.length; index++) {
      const letter = word[index]!;
      if (letter === ':' || !letters.includes(letter)) return { ...found, bad: letter };
      if (!takesValue(letter)) {
        note(letter, '');
        continue;
      }
      const value = word.slice(index + 1) || args[++at];
      if (value === undefined) return { ...found, bad: letter };
      note(letter, value);
      break;
    }
  }
  found.rest = args.slice(at);
  return found;
}
