import { Failure } from '#shared/errors.ts';
import { type ZoneState, zoneState } from './states.ts';

/** How a zone is: its first process where it runs, as the host numbers it. */
export interface ZoneNow {
  state: ZoneState;
  pid?: number;
}

/**
 * What `lxc-ls -f -F STATE,PID,NAME` prints.
 *
 * Shape: a line of titles, then `STATE PID NAME` in columns as wide as the widest; the process is `-` where none runs. Blanks at the
 * end of a name cannot be told from the column's: names are given without.
 * @throws Failure host-output, naming the line
 * Source: lxc-ls(1); recorded in test/fixtures/lxc/ls-*.txt
 */
export function parseList(stdout: string): Map<string, ZoneNow> {
  const [titles = '', ...rows] = stdout.split('\n');
  if (stdout.trim() === '') return new Map();
  if (!/^STATE +PID +NAME *$/.test(titles))
    throw new Failure('host-output', { problem: `lxc-ls printed ${JSON.stringify(titles)}` });
  return new Map(rows.filter((row) => row.trim() !== '').map(parseRow));
}

function parseRow(row: string): [string, ZoneNow] {
  const [, word = '', pid = '', name = ''] = /^([A-Z]+) +(\d+|-) +(.*?) *$/su.exec(row) ?? [];
  if (name === '') throw new Failure('host-output', { problem: `lxc-ls printed ${JSON.stringify(row)}` });
  return [name, { state: zoneState(word), ...(pid === '-' ? {} : { pid: Number(pid) }) }];
}

/**
 * What `lxc-info -s -p -H` prints, of one zone.
 *
 * Shape: `Label:   value`, a line each; no PID where none runs.
 * @throws Failure host-output
 * Source: lxc-info(1); recorded in test/fixtures/lxc/info-*.txt
 */
export function parseNow(stdout: string): ZoneNow {
  const pid = numberOf(stdout, 'PID');
  return { state: zoneState(labelled(stdout, 'State') ?? ''), ...(pid === undefined || pid < 1 ? {} : { pid }) };
}

/**
 * What `lxc-info -S -H` prints of the use of processors and memory.
 *
 * Units: nanoseconds, bytes. Missing where the host does not count it.
 * Source: as above
 */
export function parseUse(stdout: string): { cpuTimeS?: number; memoryBytes?: number } {
  const cpuNs = numberOf(stdout, 'CPU use');
  const memoryBytes = numberOf(stdout, 'Memory use');
  return {
    ...(cpuNs === undefined ? {} : { cpuTimeS: cpuNs / 1e9 }),
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
  };
}

const labelled = (stdout: string, label: string): string | undefined =>
  stdout
    .split('\n')
    .find((line) => line.startsWith(`${label}:`))
    ?.slice(label.length + 1)
    .trim();

function numberOf(stdout: string, label: string): number | undefined {
  const text = labelled(stdout, label);
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

/**
 * A line of `lxc-monitor`.
 *
 * Shape: `'NAME' changed state to [STATE]`; the name may have quotes of its own. Other lines tell of no state.
 * Source: lxc-monitor(1); recorded in test/fixtures/lxc/monitor-*.txt
 */
export function parseChange(line: string): { name: string; state: ZoneState } | undefined {
  const [, name, word] = /^'(.*)' changed state to \[([A-Z]+)\]$/su.exec(line) ?? [];
  return name === undefined || word === undefined ? undefined : { name, state: zoneState(word) };
}

/**
 * What LXC's log says of why a start came to nothing: the errors, in its own words.
 *
 * Shape: `PROGRAM NAME TIME LEVEL  PART - FILE:FUNCTION:LINE - TEXT`
 * Source: recorded in test/fixtures/lxc/log-*.txt
 */
export const errorsIn = (log: string): string[] =>
  log.split('\n').flatMap((line) => /^.* ERROR +\w+ - [^ ]+:\w+:\d+ - (.*)$/su.exec(line)?.[1] ?? []);
