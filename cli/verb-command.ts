import { createInterface } from 'node:readline/promises';
import { Failure, messageOf } from '#shared/errors.ts';
import type { Job } from '#shared/model/job.ts';
import { readArguments } from '#shared/verb/arguments.ts';
import { jobRow } from '#shared/verb/job-row.ts';
import { lineOf } from '#shared/verb/say.ts';
import { rowOf, spokenOf, type Verb } from '#shared/verb/verb.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';
import type { Ran } from '#shared/xmpp/commands-client.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { ask, askAll, type HostAt, hostOf, waitForJob } from './asking.ts';
import { EXIT, exitOf } from './failing.ts';
import type { Options } from './options.ts';
import { render } from './render.ts';
import { connect, siteFor } from './site.ts';

/** Lists are of the whole site; what has no guest and is not a list is of one host. */
const isFleetWide = (row: Verb): boolean =>
  row.risk === 'read' && !row.guestArg && !Object.hasOwn(row.args.shape, 'job');

/** Carry out a verb on the site. @returns exit code */
export async function verbCommand(verb: string, args: Record<string, unknown>, options: Options): Promise<number> {
  const row = rowOf(agentVerbs, verb);
  if (!row) throw new Failure('verb-unknown', { verb });
  // What is wrong here is wrong there: it is said before anybody is asked.
  readArguments(row, args);
  await confirmed(verb, row, args, options);
  const site = await siteFor(options);
  const hosts = site.hosts.filter((host) => options.host === undefined || host.name === options.host);
  if (hosts.length === 0)
    throw new Failure('host-not-found', {
      host: `${options.host}; there are ${site.hosts.map((host) => host.name).join(', ')}`,
    });
  const entity = await connect(site);
  try {
    if (isFleetWide(row)) return await onAll(entity, hosts, verb, row, args, options);
    return await onOne(entity, await oneHost(entity, hosts, row, args), verb, row, args, options);
  } finally {
    await entity.stop();
  }
}

async function confirmed(verb: string, row: Verb, args: Record<string, unknown>, options: Options): Promise<void> {
  if (row.risk !== 'destroy' || options.yes) return;
  const what = `${spokenOf(verb)} ${String(args[row.guestArg ?? ''] ?? '')}`.trim();
  if (!process.stdin.isTTY) throw new Failure('confirmation-required', { verb: `${what} (with --yes)` });
  const reader = createInterface({ input: process.stdin, output: process.stderr });
  const said = await reader.question(`${what} may lose work or data. Go on? [y/N] `);
  reader.close();
  if (!/^y(es)?$/i.test(said.trim()))
    throw new Failure('confirmation-required', { verb: `${what} (nothing was done)` });
}

async function oneHost(
  entity: Entity,
  hosts: readonly HostAt[],
  row: Verb,
  args: Record<string, unknown>,
): Promise<HostAt> {
  const [only] = hosts;
  if (hosts.length === 1 && only) return only;
  const guest = row.guestArg === 'guest' ? args.guest : undefined;
  if (typeof guest === 'string') return hostOf(entity, hosts, guest);
  throw new Failure('bad-argument', {
    field: '--host',
    problem: `say which host: ${hosts.map((host) => host.name).join(', ')}`,
  });
}

async function onAll(
  entity: Entity,
  hosts: readonly HostAt[],
  verb: string,
  row: Verb,
  args: object,
  options: Options,
): Promise<number> {
  const answers = await askAll(entity, hosts, verb, row, args);
  const values = answers.flatMap(({ host, ran }) =>
    ran ? (Array.isArray(ran.value) ? ran.value : [ran.value]).map((value) => ({ host, value })) : [],
  );
  if (options.json)
    console.log(
      JSON.stringify(
        values.map(({ host, value }) => ({ host: host.name, ...(value as object) })),
        null,
        2,
      ),
    );
  else if (values.length > 0 || answers.every(({ ran }) => ran)) console.log(textOf(verb, row, answers, values));
  for (const { host, failure } of answers) if (failure) console.error(`${host.name}: ${messageOf(failure)}`);
  const failed = answers.find(({ failure }) => failure);
  return failed ? exitOf(failed.failure) : EXIT.done;
}

/** One table where the records say their host; else a part for each host. */
function textOf(
  verb: string,
  row: Verb,
  answers: readonly { host: HostAt; ran?: Ran }[],
  values: readonly { host: HostAt; value: unknown }[],
): string {
  const sayThemselves = verb === 'guest.list' || verb === 'host.list' || answers.length === 1;
  if (sayThemselves)
    return render(
      verb,
      row,
      Array.isArray(answers.find(({ ran }) => ran)?.ran?.value) ? values.map(({ value }) => value) : values[0]?.value,
    );
  return answers
    .flatMap(({ host, ran }) => (ran ? [`${host.name}\n${render(verb, row, ran.value).replace(/^/gm, '  ')}`] : []))
    .join('\n\n');
}

async function onOne(
  entity: Entity,
  host: HostAt,
  verb: string,
  row: Verb,
  args: Record<string, unknown>,
  options: Options,
): Promise<number> {
  const ran = await ask(entity, host, verb, row, args, row.risk === 'destroy', options.operation);
  if (!ran.isJob) {
    console.log(options.json ? JSON.stringify(ran.value, null, 2) : render(verb, row, ran.value));
    return EXIT.done;
  }
  const begun = ran.value as Job;
  if (!options.wait) {
    console.log(options.json ? JSON.stringify(begun, null, 2) : lineOf(jobRow, { ...begun }));
    return EXIT.done;
  }
  const ended = await waitForJob(entity, host, begun, (job) => console.error(lineOf(jobRow, { ...job })));
  console.log(options.json ? JSON.stringify(ended, null, 2) : lineOf(jobRow, { ...ended }));
  return ended.state === 'done' ? EXIT.done : EXIT.failed;
}
