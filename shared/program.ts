import { parseArgs } from 'node:util';
import pino, { type Logger } from 'pino';
import type { z } from 'zod';
import { configReference } from './config/reference.ts';
import { Failure, messageOf } from './errors.ts';

/** sysexits.h. The units do not start again what ends with it: nothing changes until somebody has put the configuration right. */
const EX_CONFIG = 78;
/** What it stands on may be there the next time: a database, a port. */
const EX_START = 1;

/** A program that runs until it is stopped: the agent, and central. */
export interface Program<C extends { log: string }> {
  /** For its log. */
  name: string;
  schema: z.ZodType;
  /** @throws Failure config-invalid */
  readConfig(file: string): C;
  /** @throws Failure config-invalid: the secret that it logs in with cannot be read */
  readSecret(config: C): unknown;
  /** What it is, in each line of its log. */
  base(config: C): object;
  /** What it is, for a person. */
  about(config: C): Record<string, string>;
  /** @returns what stops it */
  start(config: C, log: Logger): Promise<() => Promise<void>>;
  /** What it does with `--restore FILE`, instead of running. @returns what was done, for a person */
  restore?(config: C, file: string): Promise<string>;
}

/**
 * Run it: `--config FILE [--check | --restore FILE]`, or `--reference`, which prints its keys. SIGTERM and SIGINT stop it in order. What is wrong with
 * its configuration is told in a line, and is exit code 78 (sysexits.h); where it cannot start for another reason, that is told, and is 1.
 */
export async function runProgram<C extends { log: string }>(program: Program<C>): Promise<void> {
  try {
    await configured(program)?.();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    end(error, EX_START);
  }
}

function end(error: unknown, exitCode: number): never {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exit(exitCode);
}

/** @returns what is to be done with a configuration that is right; undefined where it is done */
function configured<C extends { log: string }>(program: Program<C>): (() => Promise<void>) | undefined {
  try {
    return workOf(program);
  } catch (error) {
    // How it was called is checked by Node.
    if (!(error instanceof Failure) && !(error instanceof TypeError && 'code' in error)) throw error;
    return end(error, EX_CONFIG);
  }
}

/** @throws Failure bad-argument, config-invalid */
function workOf<C extends { log: string }>(program: Program<C>): (() => Promise<void>) | undefined {
  const { values } = parseArgs({
    options: {
      config: { type: 'string' },
      check: { type: 'boolean' },
      reference: { type: 'boolean' },
      restore: { type: 'string' },
    },
  });
  if (values.reference) return say(configReference(program.schema));
  if (values.config === undefined)
    throw new Failure('bad-argument', { field: '--config', problem: 'name the configuration file' });
  const config = program.readConfig(values.config);
  program.readSecret(config);
  const about = program.about(config);
  if (values.check) return say(`${values.config} is right: ${Object.values(about).join(', ')}\n`);
  const { restore: backup } = values;
  const { restore } = program;
  if (backup !== undefined && restore) return async () => say(`${await restore(config, backup)}\n`);
  return async () => {
    const log = pino({ level: config.log, base: program.base(config) });
    stopOnSignal(program.name, log, await program.start(config, log));
    log.info(about, `${program.name} is ready`);
  };
}

const say = (text: string): undefined => void process.stdout.write(text);

function stopOnSignal(name: string, log: Logger, stop: () => Promise<void>): void {
  let isStopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (isStopping) return;
      isStopping = true;
      log.info({ signal }, `${name} stops`);
      stop().then(
        () => process.exit(0),
        (error) => {
          log.error({ err: error }, `${name} did not stop well`);
          process.exit(1);
        },
      );
    });
  }
}
