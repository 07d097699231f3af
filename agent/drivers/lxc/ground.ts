import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Command, Run } from '#agent/exec/run.ts';
import type { runToEnd } from '#agent/exec/run-to-end.ts';
import { Failure } from '#shared/errors.ts';
import type { Turns } from '#shared/turns.ts';
import type { CgroupVersions } from './limits.ts';
import type { ZoneMonitor } from './monitor.ts';
import type { ZoneIndex } from './zone-index.ts';

/** What every part of the driver stands on. */
export interface Ground {
  /** The folder that has a folder for each zone. */
  folder: string;
  /** Where logs of starts and of consoles go, where a zone's configuration names no other place. */
  logFolder: string;
  run: Run;
  runToEnd: typeof runToEnd;
  log: Pick<Logger, 'debug' | 'info' | 'warn'>;
  /** The host's name for messages. */
  host: string;
  cgroups: CgroupVersions;
  /** User ids that new zones are given; undefined: their root is that of the host. */
  idmap: { first: number; count: number } | undefined;
  inTurn: Turns;
  zones: ZoneIndex;
  monitor: ZoneMonitor;
}

const TOOL_MS_MAX = 30_000;

/** A tool of LXC's about one zone. No shell reads the name, and none of the tools takes it for an option after `-n`. */
export const tool = ({ folder }: Pick<Ground, 'folder'>, file: string, name: string, ...args: string[]): Command => ({
  file,
  args: ['-P', folder, '-n', name, ...args],
  timeoutMs: TOOL_MS_MAX,
});

export const zoneFolder = ({ folder }: Pick<Ground, 'folder'>, name: string): string => join(folder, name);
export const configFile = (ground: Pick<Ground, 'folder'>, name: string): string =>
  join(zoneFolder(ground, name), 'config');
export const startLog = ({ logFolder }: Pick<Ground, 'logFolder'>, name: string): string =>
  join(logFolder, `${name}.log`);
/** LXC's own tools log to `NAME.log`: no zone has a name by which that is this one. */
export const consoleLog = ({ logFolder }: Pick<Ground, 'logFolder'>, name: string): string =>
  join(logFolder, `${name}.console`);

export const missing = ({ host }: Pick<Ground, 'host'>, what: string): Failure =>
  new Failure('guest-not-found', { guest: what.slice(0, 64), host });
