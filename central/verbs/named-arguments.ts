import { Failure } from '#shared/errors.ts';

/** Arguments of another verb, as lines of NAME=VALUE; a name that comes again makes a list. @throws Failure bad-argument */
export function namedArguments(lines: readonly string[]): Record<string, string | string[]> {
  const args = new Map<string, string | string[]>();
  for (const line of lines) {
    const at = line.indexOf('=');
    if (at <= 0) throw new Failure('bad-argument', { field: 'args', problem: `${line} is not NAME=VALUE` });
    const name = line.slice(0, at);
    const value = line.slice(at + 1);
    const before = args.get(name);
    args.set(name, before === undefined ? value : [before, value].flat());
  }
  return Object.fromEntries(args);
}
