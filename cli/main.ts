import { readFileSync } from 'node:fs';
import { SKERRY } from '#shared/called.ts';
import { Failure } from '#shared/errors.ts';
import { parseWords, type Spoken } from '#shared/verb/grammar.ts';
import { helpFound, helpText, noHelp } from '#shared/verb/help.ts';
import { nearest } from '#shared/verb/suggest.ts';
import type { VerbTable } from '#shared/verb/verb.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';
import { EXIT, exitOf, tell } from './failing.ts';
import { optionsIn } from './options.ts';
import { isOwn, OWN_NAMES, runOwn, usageOfOwn } from './own-commands.ts';
import { tableFor } from './table.ts';

const CONSOLE_USAGE = `${SKERRY} console GUEST: a guest's serial console as a terminal (Ctrl-] leaves)`;

const USAGE = `${SKERRY} up [--detach]      bring the light rig up: a whole small site on this machine (--idle: leave its guests off;
                            --cloud: twenty guests more, for the chain alpine)
${SKERRY} status             where it is, its accounts, its parts
${SKERRY} down               take it down
${SKERRY} test               run all tests
${SKERRY} console GUEST      a guest's serial console as a terminal (Ctrl-] leaves)
${SKERRY} install ROLE …     make this machine a part of a real site: server, central, host, all-in-one
${SKERRY} doctor             check this machine, and the site where it is known here, and say how to mend it
${SKERRY} agent-join …       let this host join a site, with the token of host enrol
${SKERRY} restore …          let central, while it is down, go back to a backup (backup take)
${SKERRY} NOUN VERB …        a verb, as below
${SKERRY} help NOUN VERB     what it does and takes; also of the commands above: ${SKERRY} help up
${SKERRY} --version          which Skerry this is

Options: --as ROLE (of the rig: admin, operator, viewer), --host HOST and --direct (ask the host
itself, not central), --json, --yes, --no-wait, --operation ID,
--dir FOLDER (of the rig), --config FILE (of a real site; or SKERRY_CONFIG). Exit codes: 0 done, 1 failed, 2 wrongly asked,
3 not reached, 4 not permitted. See docs/cli.md.
`;

async function main(argv: readonly string[]): Promise<number> {
  if (isOwn(argv)) return await runOwn(argv);
  if (argv.includes('--version') && argv.length === 1) return version();
  const { options, words } = optionsIn(argv);
  const table = await tableFor(options);
  if (words.length === 0 || options.help) return help(words, table);
  // `console venti` is the terminal, unless a guest is called as a verb of the noun is: those are typed in full.
  if (words[0] === 'console' && words.length === 2 && !Object.hasOwn(agentVerbs, `console.${words[1]}`))
    return (await import('./console-command.ts')).consoleCommand(words[1] ?? '', options);
  if (isOwn(words)) return await runOwn([words[0] ?? '', ...argv.filter((word) => word !== words[0])]);
  const spoken = spokenIn(words, table);
  if (spoken.kind === 'help') return help(spoken.topic, table);
  if (spoken.kind === 'yes')
    throw new Failure('bad-argument', { field: 'yes', problem: 'on the command line, say --yes with the verb itself' });
  return (await import('./verb-command.ts')).verbCommand(spoken.verb, spoken.args, options, table);
}

function spokenIn(words: readonly string[], table: VerbTable): Spoken {
  try {
    return parseWords(words, table);
  } catch (error) {
    const [near] = nearest(words[0] ?? '', [...OWN_NAMES, 'console']);
    if (!(error instanceof Failure) || error.code !== 'verb-unknown' || near === undefined) throw error;
    throw new Failure('verb-unknown', { verb: `${words[0]}. Did you mean ${near}?` });
  }
}

async function help(topic: readonly string[], table: VerbTable): Promise<number> {
  const [first = ''] = topic;
  if (topic.length === 0) console.log(`${USAGE}\n${helpText([], table)}`);
  else {
    const found = (isOwn(topic) ? await usageOfOwn(first) : undefined) ?? helpFound(topic, table);
    if (found === undefined) {
      console.error(noHelp(topic, table, OWN_NAMES));
      return EXIT.usage;
    }
    console.log(first === 'console' && topic.length === 1 ? `${CONSOLE_USAGE}\n${found}` : found);
  }
  return EXIT.done;
}

function version(): number {
  const { version: own } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  console.log(`skerry ${own}, Node.js ${process.versions.node}`);
  return EXIT.done;
}

// A reader that has seen enough (`skerry guest list | head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.done);
  throw error;
});

const argv = process.argv.slice(2);
try {
  process.exitCode = await main(argv);
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  tell(error, { json: argv.includes('--json') });
  process.exitCode = exitOf(error);
}
