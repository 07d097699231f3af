import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import { Failure, messageOf } from '#shared/errors.ts';
import type { Job } from '#shared/model/job.ts';
import { readArguments } from '#shared/verb/arguments.ts';
import { argFields, resultFields } from '#shared/verb/fields.ts';
import { jobRow } from '#shared/verb/job-row.ts';
import { lineOf } from '#shared/verb/say.ts';
import { rowOf, type Verb, type VerbTable } from '#shared/verb/verb.ts';
import { centralVerbs } from '#shared/verbs/central.ts';
import type { Ran } from '#shared/xmpp/commands-client.ts';
import { connect } from '#shared/xmpp/connect.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { type Asked, ask, askAll, type HostAt, isAway, waitForJob } from './asking.ts';
import { EXIT, exitOf, exitOfFound, tell } from './failing.ts';
import { chosenHosts, hostFor } from './finding.ts';
import type { Options } from './options.ts';
import { paintFor, render } from './render.ts';
import { type Site, siteFor } from './site.ts';

interface Wanted {
  verb: string;
  row: Verb;
  args: Record<string, unknown>;
  options: Options;
}

/** What reads and names neither a guest nor a job is asked of the whole site. */
export const isFleetWide = (row: Verb): boolean =>
  row.risk === 'read' && !argFields(row).some(({ choices, required }) => required && choices !== undefined);

/** Carry out a verb on the site. @returns exit code */
export async function verbCommand(
  verb: string,
  args: Record<string, unknown>,
  options: Options,
  table: VerbTable,
): Promise<number> {
  const row = rowOf(table, verb);
  if (!row) throw new Failure('verb-unknown', { verb });
  const wanted: Wanted = { verb, row, args: await withFiles(row, args), options };
  // What is wrong here is wrong there: it is said before anybody is asked.
  readArguments(row, wanted.args);
  const site = await siteFor(options);
  const central = table === centralVerbs ? centralOf(site) : undefined;
  const hosts = central ? [] : chosenHosts(site, options.host);
  const entity = await connect(site);
  try {
    if (central) return await onOne(entity, central, wanted);
    if (isFleetWide(row)) return await onAll(entity, hosts, wanted);
    return await onOne(entity, await hostFor(entity, hosts, row, wanted.args), wanted);
  } finally {
    await entity.stop();
  }
}

/** Arguments that are files, with their text in place of their names. @throws Failure bad-argument */
async function withFiles(row: Verb, args: Record<string, unknown>): Promise<Record<string, unknown>> {
  const read = { ...args };
  for (const { name, file } of argFields(row)) {
    if (!file || typeof args[name] !== 'string') continue;
    read[name] = await readFile(args[name], 'utf8').catch((error) => {
      throw new Failure('bad-argument', { field: name, problem: `${args[name]} cannot be read: ${messageOf(error)}` });
    });
  }
  return read;
}

const centralOf = ({ central }: Site): HostAt | undefined =>
  central === undefined ? undefined : { name: 'central', jid: central };

/** @throws Failure confirmation-required: nobody is there to ask, or the answer was no */
async function requireYes(what: string): Promise<void> {
  if (!process.stdin.isTTY) throw new Failure('confirmation-required', { verb: what, how: 'say --yes to go on' });
  const reader = createInterface({ input: process.stdin, output: process.stderr });
  const said = await reader.question(`${what} may lose work or data. Go on? [y/N] `);
  reader.close();
  if (!/^y(es)?$/i.test(said.trim()))
    throw new Failure('confirmation-required', { verb: what, how: 'nothing was done' });
}

/** Carry it out; what may lose work only after a yes. Whoever is asked to do it knows what that would be, and says so. */
async function askSure(entity: Entity, host: HostAt, { verb, row, args, options }: Wanted): Promise<Ran> {
  const { operation = randomUUID() } = options;
  const isSure = options.yes && row.risk === 'destroy';
  // For a program there is nothing on stderr but failures.
  const told = (text: string): unknown => options.json || console.error(text);
  try {
    return await ask(entity, host, verb, row, args, { confirmed: isSure, operation, told });
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== 'confirmation-required' || isSure) throw error;
    await requireYes(String(error.details.verb));
    return ask(entity, host, verb, row, args, { confirmed: true, operation, told });
  }
}

function print({ verb, row, options }: Wanted, value: unknown, withHost = false): void {
  const paint = paintFor(process.stdout, process.env);
  console.log(options.json ? JSON.stringify(value, null, 2) : render(verb, row, value, { paint, withHost }));
}

async function onAll(entity: Entity, hosts: readonly HostAt[], wanted: Wanted): Promise<number> {
  const answers = await askAll(entity, hosts, wanted.verb, wanted.row, wanted.args);
  printAll(wanted, answers);
  const silent = answers.filter(({ failure }) => failure !== undefined);
  for (const { host, failure } of silent) tell(failure, wanted.options, host.name);
  return silent[0] ? exitOf(silent[0].failure) : exitOfFound(answers.flatMap(({ ran }) => ran?.value ?? []));
}

/** One table of all hosts; what is no table, a part for each host. */
function printAll(wanted: Wanted, answers: readonly Asked[]): void {
  const { verb, row, options } = wanted;
  const answered = answers.flatMap(({ host, ran }) => (ran ? [{ host, value: ran.value }] : []));
  const records = answered.flatMap(({ host, value }) =>
    (Array.isArray(value) ? value : [value]).map((record) => ({ host: host.name, ...(record as object) })),
  );
  if (options.json) print(wanted, records);
  else if (answered.length === 0) return;
  else if (answers.length === 1) print(wanted, answered[0]?.value);
  else if (resultFields(row).table) print(wanted, records, !sayTheirHost(verb, row));
  else {
    const paint = paintFor(process.stdout, process.env);
    const parts = answered.map(
      ({ host, value }) => `${paint('head', host.name)}\n${render(verb, row, value, { paint }).replace(/^/gm, '  ')}`,
    );
    console.log(parts.join('\n\n'));
  }
}

/** A guest says its host; a record of a host has it for its name. */
const sayTheirHost = (verb: string, row: Verb): boolean =>
  resultFields(row).fields.some(({ name }) => name === 'host' || (name === 'name' && verb.startsWith('host.')));

async function onOne(entity: Entity, host: HostAt, wanted: Wanted): Promise<number> {
  const { options } = wanted;
  const ran = await askSure(entity, host, wanted);
  if (!ran.isJob) {
    print(wanted, ran.value);
    return exitOfFound(ran.value);
  }
  return options.wait
    ? watchJob(entity, host, ran.value as Job, options)
    : printJob(ran.value as Job, options, EXIT.done);
}

/** Ctrl-C ends the watching, never the job. */
async function watchJob(entity: Entity, host: HostAt, begun: Job, options: Options): Promise<number> {
  const watching = new AbortController();
  const leave = (): void => watching.abort();
  process.once('SIGINT', leave);
  const told = (job: Job): void => console.error(jobLine(job));
  try {
    told(begun);
    const job = await waitForJob(entity, host, begun, told, watching.signal);
    if (job.state !== 'running') return printJob(job, options, exitOfJob(job));
    console.error(goesOn(job, host));
    return EXIT.interrupted;
  } catch (error) {
    if (isAway(error)) console.error(goesOn(begun, host));
    throw error;
  } finally {
    process.off('SIGINT', leave);
  }
}

const goesOn = ({ id }: Job, host: HostAt): string =>
  `The job goes on: job info ${id}${host.jid.includes('@') ? ` --host ${host.name}` : ''}. To stop it: job cancel ${id}.`;

const jobLine = (job: Job): string => lineOf(jobRow, { ...job });

/** What cannot be known now is not a failure. */
function exitOfJob({ state, outcome }: Job): number {
  if (state === 'done') return EXIT.done;
  return outcome === 'operation-uncertain' || outcome === 'host-unreachable' ? EXIT.unreachable : EXIT.failed;
}

function printJob(job: Job, options: Options, exit: number): number {
  console.log(options.json ? JSON.stringify(job, null, 2) : jobLine(job));
  return exit;
}
