import { argFields, type Field, resultFields } from '#shared/verb/fields.ts';
import { boundsOf, usageOf } from '#shared/verb/help.ts';
import { jobRow } from '#shared/verb/job-row.ts';
import { labelOf } from '#shared/verb/say.ts';
import { COMMON_FAILURES, nodeOf, spokenOf, type Verb, type VerbTable } from '#shared/verb/verb.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';
import { centralVerbs } from '#shared/verbs/central.ts';
import { code, pageOf, tableOf } from './markdown.ts';

const RISKS: Readonly<Record<Verb['risk'], string>> = {
  read: 'It only reads.',
  change: 'It changes something.',
  destroy: 'It may lose work or data: it asks once more.',
};

/** docs/verbs.md */
export const verbsPage = (): string =>
  verbPage(
    'Verbs of central',
    centralVerbs,
    'What can be asked of the central agent, at its own address, and what names a guest at that guest’s. An agent answers those of [agent-verbs.md](agent-verbs.md), for its own host.',
  );

/** docs/agent-verbs.md */
export const agentVerbsPage = (): string =>
  verbPage(
    'Verbs of an agent',
    agentVerbs,
    'What can be asked of a host’s own agent, straight: it needs no central. [verbs.md](verbs.md) has what central answers.',
  );

function verbPage(title: string, table: VerbTable, whose: string): string {
  const nouns = [...Map.groupBy(Object.keys(table), (id) => id.split('.')[0] ?? '')];
  return pageOf(title, 'shared/verbs/', [
    whose,
    'It is asked in chat, by a form, and on the command line. Arguments in capitals go by place; those in [brackets] may be left out.\nAny argument may be given as `name=value`.',
    tableOf(
      ['verb', 'what it does', 'risk'],
      Object.entries(table).map(([id, row]) => [`[${spokenOf(id)}](#${anchorOf(id)})`, row.summary, row.risk]),
    ),
    `Any verb may fail with ${codes(COMMON_FAILURES)}. See [failures.md](failures.md).`,
    ...nouns.flatMap(([noun, ids]) => [`## ${noun}`, ...ids.flatMap((id) => verbParts(id, table[id] as Verb))]),
  ]);
}

const anchorOf = (id: string): string => spokenOf(id).replaceAll(' ', '-');
const codes = (words: readonly string[]): string => words.map((word) => `[${word}](failures.md#${word})`).join(', ');

function verbParts(id: string, row: Verb): string[] {
  const args = argFields(row);
  const { table, fields } = resultFields(row);
  const answers = row.job
    ? `It answers with a [job](#job-info) (${resultFields(jobRow)
        .fields.map(({ name }) => code(name))
        .join(', ')}); the job, when it is done, with:`
    : table
      ? 'It answers with a table:'
      : 'It answers with a record:';
  return [
    `### ${spokenOf(id)}`,
    `    ${usageOf(id, row)}`,
    [row.summary, row.details, RISKS[row.risk]].filter(Boolean).join(' '),
    ...(args.length > 0 ? [tableOf(['argument', 'what', 'values'], args.map(argumentCells))] : []),
    answers,
    tableOf(['field', 'what', 'kind'], fields.map(resultCells)),
    ...(row.failures.length > 0 ? [`It may fail with ${codes(row.failures)}.`] : []),
    `Node ${code(nodeOf(id))}; time limit ${row.timeoutMs / 1000} s.${row.example ? ` For example: ${code(row.example)}` : ''}`,
  ];
}

const argumentCells = (field: Field): string[] => [
  code(field.name),
  field.description || `${field.label}.`,
  [field.kind, boundsOf(field)].filter(Boolean).join(', '),
];

const resultCells = (field: Field): string[] => [
  code(field.name),
  [labelOf(field), field.description].filter(Boolean).join('. ').replace(/\.$/, ''),
  field.options ? field.options.join(', ') : `${field.kind}${field.required ? '' : ', may be missing'}`,
];
