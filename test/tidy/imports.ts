import { dirname, join } from 'node:path';
import type { SourceFile } from './rules.ts';

/** Which file must not import what, and why. Imports read as places in the tree: `shared/errors.ts`, or as packages: `execa`. */
export const FORBIDDEN: readonly (readonly [file: RegExp, imported: RegExp, why: string])[] = [
  [/^shared\//, /^(agent|central|cli|provisioning|test|bench)\//, 'shared is what both sides mean, and knows neither'],
  [/^agent\//, /^(central|cli|provisioning|test|bench)\//, 'agent and command line meet only over XMPP'],
  [/^central\//, /^(agent|cli|provisioning|test|bench)\//, 'central, agent and command line meet only over XMPP'],
  [
    /^(?!central\/database\/|agent\/(journal|jobs)\/|test\/)/,
    /^(pg|node:sqlite)$/,
    'databases are opened in central/database and agent/journal',
  ],
  [/^shared\/chain\//, /^(@xmpp|shared\/(xmpp|verbs)\/|node:)/, 'what a chain does is worked out with no I/O'],
  [/^cli\//, /^(agent|central|test|bench)\//, 'agent and command line meet only over XMPP'],
  [/^provisioning\//, /^(agent|central|cli|test|bench)\//, 'provisioning makes a site, and is no part of it'],
  [/^bench\//, /^cli\//, 'what is measured is the wire'],
  [/^shared\/(model|errors|clock)/, /^shared\/(verb|verbs|xmpp)\//, 'the model knows no verbs'],
  [/^shared\/verb\//, /^shared\/xmpp\/(?!jid\.ts)/, 'verbs do not know by which way they were asked'],
  [
    /^shared\/verb\/(?!job-row\.ts)/,
    /^shared\/verbs\//,
    'what is derived from rows knows no row; that of a job is all surfaces own',
  ],
  [/^shared\/verbs\//, /^shared\/xmpp\//, 'a row is data'],
  [/^agent\/drivers\//, /^@xmpp|^shared\/(xmpp|verb|verbs)\//, 'drivers do not speak XMPP, and know no verbs'],
  [/^(?!shared\/xmpp\/|test\/)/, /^@xmpp\/(?!xml$)/, 'connections are made in shared/xmpp'],
  [/^(cli|shared\/(?!xmpp\/))/, /^@xmpp/, 'stanzas are made in shared/xmpp'],
  [/^(shared|agent\/(?!exec\/))/, /^(execa|node:child_process)$/, 'processes are started in agent/exec'],
];

const IMPORT = /(?:^|\n)\s*(?:import|export)\s(?:[^'";]*?\sfrom\s)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/g;

/** What a file imports, as places in the tree or names of packages. */
export const importsOf = ({ path, text }: SourceFile): string[] =>
  [...text.matchAll(IMPORT)].map((match) => {
    const specifier = match[1] ?? match[2] ?? '';
    if (specifier.startsWith('#')) return specifier.slice(1);
    return specifier.startsWith('.') ? join(dirname(path), specifier) : specifier;
  });

/** Imports that point the wrong way. */
export const misdirected = (files: readonly SourceFile[]): string[] =>
  files.flatMap((file) =>
    importsOf(file).flatMap((imported) =>
      FORBIDDEN.filter(([from, to]) => from.test(file.path) && to.test(imported)).map(
        ([, , why]) => `${file.path} imports ${imported}: ${why}`,
      ),
    ),
  );

/** Between folders at the top, places are named from the root: `#shared/errors.ts`. */
export const climbing = (files: readonly SourceFile[]): string[] =>
  files.flatMap((file) =>
    [...file.text.matchAll(IMPORT)]
      .map((match) => match[1] ?? match[2] ?? '')
      .filter((specifier) => specifier.startsWith('..'))
      .filter((specifier) => topOf(join(dirname(file.path), specifier)) !== topOf(file.path))
      .map((specifier) => `${file.path} imports ${specifier}`),
  );

const topOf = (path: string): string => path.split('/')[0] ?? '';
