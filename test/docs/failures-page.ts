import { FAILURES, type FailureCode } from '#shared/errors.ts';
import { COMMON_FAILURES, spokenOf, type VerbTable } from '#shared/verb/verb.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';
import { code, pageOf } from './markdown.ts';

/** docs/failures.md */
export function failuresPage(): string {
  return pageOf('Failures', 'shared/errors.ts', [
    'Everything that can go wrong in operation. The name is the application condition on the wire, `<NAME xmlns="urn:skerry:failure:1"/>`\nwith the details as attributes, the outcome in the audit trail, and what `skerry --json` says. Type and condition are those of\nRFC 6120 section 8.3. In the texts `{word}` stands for a detail.',
    ...(Object.keys(FAILURES) as FailureCode[]).map(failurePart),
  ]);
}

function failurePart(name: FailureCode): string {
  const [type, condition, text] = FAILURES[name];
  const table: VerbTable = agentVerbs;
  const verbs = Object.keys(table).filter((id) => table[id]?.failures.includes(name));
  const from = COMMON_FAILURES.includes(name) ? 'any verb' : verbs.map(spokenOf).join(', ');
  return [
    `### ${name}`,
    '',
    text,
    '',
    `Type ${code(type)}, condition ${code(condition)}.${from ? ` From ${from}.` : ''}`,
  ].join('\n');
}
