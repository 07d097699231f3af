import { Failure } from '#shared/errors.ts';

/**
 * Lines that another program reads, from a file or its standard input: none of them can be two, or hold what is not printed.
 *
 * The schemas refuse such words before; this is the last door.
 * @throws Failure host-output
 */
export function linesOf(lines: readonly string[]): string {
  const odd = lines.find((line) => !/^[\x20-\x7e]*$/.test(line));
  if (odd !== undefined) throw new Failure('host-output', { problem: `${JSON.stringify(odd)} cannot be a line` });
  return lines.map((line) => `${line}\n`).join('');
}
