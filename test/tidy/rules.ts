/** A file of the tree: its place from the root, and what it holds. */
export interface SourceFile {
  path: string;
  text: string;
}

/** What is wrong with these files, a line each. */
export type Rule = (files: readonly SourceFile[]) => string[];

export const LINES_MAX = 400;

/** A test of many rules may be long: it reads from top to bottom. */
export const tooLong: Rule = (files) =>
  files
    .filter(({ path, text }) => !path.startsWith('test/') && text.split('\n').length - 1 > LINES_MAX)
    .map(({ path, text }) => `${path} has ${text.split('\n').length - 1} lines; ${LINES_MAX} are a reason to part it`);

/** Names that say nothing about what is in the file. */
const BANNED = /(^|\/|-)(utils?|common|helpers?|manager|types|misc)(\.d|\.test)?\.[a-z]+$/;

export const banned: Rule = (files) =>
  files.filter(({ path }) => BANNED.test(path)).map(({ path }) => `${path}: name the one thing that it is about`);

/** kebab-case, `.test` and `.d` aside; what only capitals name is a page that everybody knows: README.md. */
const PLAIN = /^([a-z0-9]+(-[a-z0-9]+)*(\.(test|d|example))?(\.[a-z0-9]+)?|[A-Z]+(\.md)?)$/;

export const oddlyNamed: Rule = (files) =>
  files.filter(({ path }) => !PLAIN.test(path.split('/').at(-1) ?? '')).map(({ path }) => `${path}: use kebab-case`);

const linesWith =
  (pattern: RegExp, problem: string): Rule =>
  (files) =>
    files.flatMap(({ path, text }) =>
      text.split('\n').flatMap((line, at) => (pattern.test(line) ? [`${path}:${at + 1}: ${problem}`] : [])),
    );

export const defaultExports = linesWith(/^export default\b|^export \{[^}]*\bas default\b/, 'exports have names');
export const leftUndone = linesWith(/\b(TODO|FIXME|XXX)\b/, 'do it, or write an issue');
export const onlyTests = linesWith(/\b(describe|it)\.only\(/, 'all tests are to run');
/** Places of the machine that somebody worked on. */
export const machinePaths = linesWith(/(^|[\s"'`(=:])\/(work|root|home|Users)\//, 'a path of one machine');
