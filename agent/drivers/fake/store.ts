import { closeSync, openSync, readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import { Failure } from '#shared/errors.ts';
import type { BootParameter } from '#shared/model/boot-parameter.ts';
import type { GuestState } from '#shared/model/guest.ts';
import type { FakeDefinition } from './definition.ts';

/** What is known of one guest, and outlives the agent. */
export interface FakeRecord {
  id: string;
  definition: FakeDefinition;
  state: GuestState;
  reason?: string;
  autostart: boolean;
  /** When it was last switched on, or restarted; ms since 1970. */
  startedAtMs?: number;
  /** It was asked to shut down, and will be off at this time. */
  stopsAtMs?: number;
  /** What it runs with, where that is not what its definition says; a file of before has no interfaces and parameters. */
  live?: { vcpus: number; memoryMiB: number; nics?: string[]; params?: readonly BootParameter[] };
  /** It has come from another host, and is not to run before that host has none of it any more: whether it runs then, and by which move it came. */
  arriving?: { runs: boolean; move: string };
  /** The oldest first. */
  snapshots?: FakeSnapshot[];
  /** The snapshot that it was taken of last, or taken back to. */
  current?: string;
}

/** A guest as it was: all of its record that a snapshot takes it back to. */
export interface FakeSnapshot extends Pick<FakeRecord, 'definition' | 'state' | 'reason' | 'startedAtMs' | 'live'> {
  name: string;
  takenAtMs: number;
}

/** How often each thing was done: `start venti` to 3. */
export type Effects = Record<string, number>;

export interface FakeStore {
  /** Write down what was done to a guest; undefined: it is gone. It is on disk when this returns. */
  put(did: string, name: string, id: string, record: FakeRecord | undefined): void;
  close(): void;
}

interface Line {
  did?: string;
  name?: string;
  id?: string;
  record?: FakeRecord;
  effects?: Effects;
}

/**
 * A file of lines, each a guest as it became by something that was done; the first holds what was done before.
 *
 * A killed process may leave its last line unfinished: then that was not done.
 */
export function openStore(file: string): { store: FakeStore; records: FakeRecord[]; effects: Effects; isNew: boolean } {
  const text = textOf(file);
  const { records, effects } = readState(text ?? '', file);
  const lines: Line[] = [{ effects }, ...records.map((record) => ({ id: record.id, record }))];
  writeFileSync(`${file}.new`, lines.map(lineOf).join(''), { mode: 0o600 });
  renameSync(`${file}.new`, file);
  const descriptor = openSync(file, 'a', 0o600);
  let open = true;
  const store: FakeStore = {
    put(did, name, id, record) {
      if (open) writeSync(descriptor, lineOf({ did, name, id, ...(record ? { record } : {}) }));
    },
    close() {
      if (open) closeSync(descriptor);
      open = false;
    },
  };
  return { store, records, effects, isNew: text === undefined };
}

/** How often each thing was done, by a state file's text. */
export const effectsIn = (text: string): Effects => readState(text, 'state file').effects;

const lineOf = (line: Line): string => `${JSON.stringify(line)}\n`;

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function readState(text: string, file: string): { records: FakeRecord[]; effects: Effects } {
  const records = new Map<string, FakeRecord>();
  const effects: Effects = {};
  const lines = text.split('\n');
  lines.pop(); // what stands behind the last line end is empty or unfinished
  for (const [index, text] of lines.entries()) {
    const line = parseLine(text, `${file}, line ${index + 1}`);
    Object.assign(effects, line.effects);
    if (line.did) effects[`${line.did} ${line.name}`] = (effects[`${line.did} ${line.name}`] ?? 0) + 1;
    if (line.id && line.record) records.set(line.id, line.record);
    else if (line.id) records.delete(line.id);
  }
  return { records: [...records.values()], effects };
}

function parseLine(text: string, where: string): Line {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Failure('host-output', { problem: `${where} is not JSON` }, { cause: error });
  }
}
