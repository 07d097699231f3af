import { z } from 'zod';

/** QEMU takes names of 55 characters for what it hands over, and `opt/org.skerry/` is before each. */
const NAME = '[A-Za-z][A-Za-z0-9_.-]{0,39}';
/** A kernel takes a value with blanks in double quotes, and has no way to say such a quote. */
const VALUE = '[^\\s\\p{Cc}"](?:[^\\p{Cc}"]{0,1022}[^\\s\\p{Cc}"])?';

export const ParameterName = z
  .string()
  .regex(new RegExp(`^${NAME}$`), 'a parameter has a name of 1 to 40 of A-Z a-z 0-9 . _ -, and begins with a letter');

export const ParameterValue = z
  .string()
  .regex(
    new RegExp(`^${VALUE}$`, 'u'),
    'a value is one line of 1 to 1024 characters, with no blank at its ends and no double quote',
  );

/** A boot parameter in one word, as a person writes it. */
export const ParameterWord = z
  .string()
  .regex(
    new RegExp(`^${NAME}=${VALUE}$`, 'u'),
    'write NAME=VALUE; a value has no blank at its ends and no double quote',
  );

/** What a guest is told at its start. */
export const BootParameter = z
  .strictObject({ name: z.string().meta({ title: 'Name' }), value: z.string().meta({ title: 'Value' }) })
  .meta({ line: '{name}={value}', columns: ['name', 'value'] });
export type BootParameter = z.infer<typeof BootParameter>;

export const PARAMETERS_MAX = 64;

/** Of a word that is one (`ParameterWord`). */
export function parameterOf(word: string): BootParameter {
  const at = word.indexOf('=');
  return { name: word.slice(0, at), value: word.slice(at + 1) };
}

export const parameterWord = ({ name, value }: BootParameter): string => `${name}=${value}`;

/** The same as a word of a kernel's command line. */
export const kernelWord = ({ name, value }: BootParameter): string =>
  /\s/u.test(value) ? `${name}="${value}"` : `${name}=${value}`;
