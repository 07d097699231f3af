import { parseArgs } from 'node:util';
import pino, { type Logger } from 'pino';
import type { z } from 'zod';
import { configReference } from './config/reference.ts';
import { Failure, messageOf } from './errors.ts';

/** sysexits.h */
const EX_CONFIG = 78;

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
 * its configuration is told in a line, and is exit code 78 (sysexits.h).
 */
export async function runProgram<C extends { log: string }>(program: Program<C>): Promise<void> {
  try {
    await run(program);
  } catch (error) {
    if (!(error instanceof Failure) && !(error instanceof TypeError && 'code' in error)) throw error;
    process.stderr.write(`${messageOf(error)}\n`);
    process.exit(EX_CONFIG);
  }
}

async function run<C extends { log: string }>(program: Program<C>): Promise<void> {
  const { values } = parseArgs({
    options: {
      config: { type: 'string' },
      check: { type: 'boolean' },
      reference: { type: 'boolean' },
      restore: { type: 'string' },
    },
  });
  if (values.reference) return void process.stdout.write(configReference(program.schema));
  if (values.config === undefined)
    throw new Failure('bad-argument', { field: '--config', problem: 'name the configuration file' });
  const config = program.readConfig(values.config);
  program.readSecret(config);
  const about = program.about(config);
  if (values.check) return void process.stdout.write(`${values.config} is right: ${Object.values(about).join(', ')}\n`);
  if (values.restore !== undefined && program.restore)
    return void process.stdout.write(`${await program.restore(config, values.restore)}\n`);
  const log = pino({ level: config.log, base: program.base(config) });
  stopOnSignal(program.name, log, await program.start(config, log));
  log.info(about, `${program.name} is ready`);
}

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
