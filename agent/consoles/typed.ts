import { Failure } from '#shared/errors.ts';

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', e: '\x1b', '\\': '\\' };

/**
 * The bytes of a typed text: \n, \r, \t, \e, \\ and \xNN stand for what they stand for in C. Enter is a carriage return.
 *
 * @throws Failure bad-argument
 */
export function typedBytes(text: string, enter: boolean): Buffer {
  const parts: Buffer[] = [];
  for (const [whole, hex, letter, plain] of text.matchAll(/\\x([0-9a-fA-F]{2})|\\(.|$)|([^\\]+)/gsu)) {
    if (hex !== undefined) parts.push(Buffer.from(hex, 'hex'));
    else if (plain !== undefined) parts.push(Buffer.from(plain));
    else parts.push(Buffer.from(escapeOf(letter ?? '', whole)));
  }
  if (enter) parts.push(Buffer.from('\r'));
  return Buffer.concat(parts);
}

function escapeOf(letter: string, whole: string): string {
  const meant = Object.hasOwn(ESCAPES, letter) ? ESCAPES[letter] : undefined;
  if (meant !== undefined) return meant;
  const problem = `${whole} is none of \\n \\r \\t \\e \\\\ \\xNN; write \\\\ for a backslash`;
  throw new Failure('bad-argument', { field: 'text', problem });
}
