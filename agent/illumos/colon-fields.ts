import { Failure } from '#shared/errors.ts';

/**
 * The fields of one line of what illumos' tools print for programs.
 *
 * Shape: fields with colons between them; `\:` is a colon of a field, and `\\` a backslash where the tool says so: dladm and ipadm do, zoneadm
 * does not.
 * Source: zoneadm(8) `list -p`, dladm(8) and ipadm(8) "Parsable Output Format"
 */
export function colonFields(line: string, escaped: string): string[] {
  const fields: string[] = [];
  let field = '';
  for (let at = 0; at < line.length; at++) {
    const isEscape = line[at] === '\\' && at + 1 < line.length && escaped.includes(line.charAt(at + 1));
    if (line[at] === ':') {
      fields.push(field);
      field = '';
    } else field += line.charAt(isEscape ? ++at : at);
  }
  return [...fields, field];
}

/**
 * Lines of fields by the names of these; fields that were added since are left out.
 *
 * @throws Failure host-output, naming the line that has too few
 */
export function colonRows<Name extends string>(
  { command, escaped = ':\\' }: { command: string; escaped?: string },
  names: readonly Name[],
  stdout: string,
): Record<Name, string>[] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const fields = colonFields(line, escaped);
      if (fields.length < names.length)
        throw new Failure('host-output', { problem: `${command} printed ${JSON.stringify(line)}` });
      return Object.fromEntries(names.map((name, at) => [name, fields[at]])) as Record<Name, string>;
    });
}
