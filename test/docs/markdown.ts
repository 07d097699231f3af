/** A table of Markdown. What would end a cell is escaped. */
export function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ').replaceAll('<', '&lt;').trim();

export const code = (text: string): string => `\`${text}\``;

/** A page with a note that it is made, and of what. */
export const pageOf = (title: string, madeOf: string, parts: readonly string[]): string =>
  `${[`# ${title}`, `<!-- Made of ${madeOf} by \`npm run docs\`. Do not edit. -->`, ...parts].join('\n\n')}\n`;
