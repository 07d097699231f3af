import type { VerbTable } from '#shared/verb/verb.ts';

/** A verb that a text mentions and that is none. */
export interface Stray {
  line: number;
  said: string;
}

/** Words of the command line that are no verbs: `./skerry up`. */
const COMMANDS: ReadonlySet<string> = new Set([
  'up',
  'down',
  'status',
  'test',
  'agent-join',
  'doctor',
  'install',
  'restore',
  'help',
  'console',
  'NOUN',
  'console GUEST',
]);

/**
 * Verbs that docs mention and that do not exist: as a command (`./skerry guest start`), as a node (`urn:skerry:verb:1#…`), or as an
 * id of a noun that there is (`guest.start`).
 */
export function strayVerbs(text: string, table: VerbTable): Stray[] {
  const ids = Object.keys(table);
  const nouns = new Set(ids.map((id) => id.split('.')[0] ?? ''));
  const isKnown = (id: string): boolean => Object.hasOwn(table, id);
  const isCommand = ([first = '', second = '']: readonly string[]): boolean =>
    COMMANDS.has(first) || isKnown(`${first}.${second}`) || ids.some((id) => id.endsWith(`.${first}`));
  return text.split('\n').flatMap((line, at) => {
    const commands = [...line.matchAll(/\.\/skerry((?: --[a-z]+(?:[ =][A-Za-z./]+)?)*)((?: [A-Za-z-]+){1,2})/g)]
      .map((match) => (match[2] ?? '').trim().split(' '))
      .filter((words) => !words[0]?.startsWith('-') && !isCommand(words))
      .map((words) => `./skerry ${words.join(' ')}`);
    const nodes = [...line.matchAll(/urn:skerry:verb:1#([a-z-]+\.[a-z-]+)/g)].map((match) => match[1] ?? '');
    const named = [...line.matchAll(/`([a-z]+)\.([a-z-]+)\b(?!\*)/g)]
      .filter((match) => nouns.has(match[1] ?? ''))
      .map((match) => `${match[1]}.${match[2]}`);
    const strays = [...commands, ...[...nodes, ...named].filter((id) => !isKnown(id))];
    return strays.map((said) => ({ line: at + 1, said }));
  });
}
