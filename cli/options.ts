import { Failure } from '#shared/errors.ts';
import { didYouMean } from '#shared/verb/suggest.ts';

/** What stands before, between or behind the words of a verb. */
export interface Options {
  json: boolean;
  yes: boolean;
  wait: boolean;
  help: boolean;
  /** Ask the hosts themselves, not central. */
  direct: boolean;
  as: string;
  host?: string;
  dir?: string;
  config?: string;
  operation?: string;
}

const FLAGS: Readonly<Record<string, Partial<Options>>> = {
  '--json': { json: true },
  '--yes': { yes: true },
  '--no-wait': { wait: false },
  '--direct': { direct: true },
  '--help': { help: true },
  '-h': { help: true },
};
const VALUES: Readonly<Record<string, 'as' | 'host' | 'dir' | 'config' | 'operation'>> = {
  '--as': 'as',
  '--host': 'host',
  '--dir': 'dir',
  '--config': 'config',
  '--operation': 'operation',
};
const NAMES = [...Object.keys(FLAGS), ...Object.keys(VALUES)].filter((name) => name.startsWith('--'));

/** Part options from words. `--` ends the options, and stays: it ends the named arguments too. @throws Failure bad-argument */
export function optionsIn(argv: readonly string[]): { options: Options; words: string[] } {
  let options: Options = { json: false, yes: false, wait: true, help: false, direct: false, as: 'admin' };
  const words: string[] = [];
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] ?? '';
    const [name, inline] = splitOnce(word);
    if (word === '--') return { options, words: [...words, ...argv.slice(at)] };
    const key = Object.hasOwn(VALUES, name) ? VALUES[name] : undefined;
    if (key) options = { ...options, [key]: inline ?? valueAfter(name, argv[++at]) };
    else if (Object.hasOwn(FLAGS, word)) options = { ...options, ...FLAGS[word] };
    else if (Object.hasOwn(FLAGS, name))
      throw new Failure('bad-argument', { field: name, problem: 'it takes no value' });
    else words.push(word.startsWith('--') ? argumentIn(name, inline) : word);
  }
  return { options, words };
}

/** `--force-after=60` is what shells are used to for `forceAfter=60`; a name alone cannot be told from a mistyped option. */
function argumentIn(name: string, inline: string | undefined): string {
  if (inline !== undefined) return `${name.slice(2)}=${inline}`;
  const problem = `there is no such option; there are ${NAMES.join(', ')}.${didYouMean(name, NAMES)} Arguments of a verb are given as name=value`;
  throw new Failure('bad-argument', { field: name, problem });
}

const splitOnce = (word: string): [string, string?] => {
  const equals = word.startsWith('--') ? word.indexOf('=') : -1;
  return equals < 0 ? [word] : [word.slice(0, equals), word.slice(equals + 1)];
};

function valueAfter(name: string, value: string | undefined): string {
  if (value === undefined) throw new Failure('bad-argument', { field: name, problem: 'a value must follow' });
  return value;
}
