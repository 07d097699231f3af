import type { Run } from '#agent/exec/run.ts';
import type { Failure } from '#shared/errors.ts';
import type { Process } from './processes.ts';

/** Where services run, and what they run with. */
export interface ServicePlace {
  run: Run;
  /** What they keep, and what starts them. */
  folder: string;
  /** How long a service may take to come up. */
  upMsMax: number;
  /** What is put before a program for it to run there. */
  enter: readonly string[];
  /** Where the folder is seen from there. */
  seenAt: string;
  /** All that runs there, and maybe more. */
  processes(signal: AbortSignal): Promise<Process[]>;
  /** What is thrown when a service does not come up. */
  failure(problem: string): Failure;
}

/** What tells a service's processes from others. */
export interface ServiceName {
  /** Of its files. */
  name: string;
  /** What runs; without it, a program of that name. */
  program?: string;
  /** A word that the program is started with, where several of it run in one place. */
  mark?: string;
}

export interface Service extends ServiceName {
  /** What starts it: lines for `sh`, the last of which becomes the program itself. */
  script: readonly string[];
  /** A file in the folder: while it is there, the service has to be started anew, which takes it away. */
  startDue?: string;
  /** Whether a process is the program, and runs with what it shall run with. */
  isCurrent(argv: readonly string[]): boolean;
  /** Whether a process has come as far as to serve. */
  isReady(process: Process): boolean;
}
