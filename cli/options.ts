import { Failure } from '#shared/errors.ts';

/** What stands before, between or behind the words of a verb. */
export interface Options {
  json: boolean;
  yes: boolean;
  wait: boolean;
  as: string;
  host?: string;
  dir?: string;
  config?: string;
  operation?: string;
}

const FLAGS: Readonly<Record<string, (options: Options) => void>> = {
  '--json': (options) => {
    options.json = true;
  },
  '--yes': (options) => {
    options.yes = true;
  },
  '--no-wait': (options) => {
    options.wait = false;
  },
};
const VALUES: Readonly<Record<string, (options: Options, value: string) => void>> = {
  '--as': (options, value) => {
    options.as = value;
  },
  '--host': (options, value) => {
    options.host = value;
  },
  '--dir': (options, value) => {
    options.dir = value;
  },
  '--config': (options, value) => {
    options.config = value;
  },
  '--operation': (options, value) => {
    options.operation = value;
  },
};

/** Part options from words. `--` ends the options. @throws Failure bad-argument */
export function optionsIn(argv: readonly string[]): { options: Options; words: string[] } {
  const options: Options = { json: false, yes: false, wait: true, as: 'admin' };
  const words: string[] = [];
  for (let at = 0; at < argv.length; at++) {
    const [name = '', inline] = splitOnce(argv[at] ?? '');
    if (name === '--') return { options, words: [...words, ...argv.slice(at + 1)] };
    if (Object.hasOwn(FLAGS, name)) FLAGS[name]?.(options);
    else if (Object.hasOwn(VALUES, name)) VALUES[name]?.(options, inline ?? valueAfter(name, argv[++at]));
    else if (name.startsWith('--')) {
      throw new Failure('bad-argument', {
        field: name,
        problem: `there is no such option; there are ${[...Object.keys(FLAGS), ...Object.keys(VALUES)].join(', ')}`,
      });
    } else words.push(argv[at] ?? '');
  }
  return { options, words };
}

const splitOnce = (word: string): [string, string?] => {
  const equals = word.startsWith('--') ? word.indexOf('=') : -1;
  return equals < 0 ? [word] : [word.slice(0, equals), word.slice(equals + 1)];
};

function valueAfter(name: string, value: string | undefined): string {
  if (value === undefined) throw new Failure('bad-argument', { field: name, problem: 'a value must follow' });
  return value;
}
