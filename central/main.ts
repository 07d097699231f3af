/**
 * The central agent: one process a site. It knows all hosts and guests by what their agents report, speaks for every guest on XMPP,
 * and passes on to agents what is asked of it.
 *
 *     node central/main.ts --config FILE [--check]
 *     node central/main.ts --reference     prints docs/central-config.md's table of keys
 *
 * It is composed here and in central.ts, by hand, from the database outwards.
 */
import { parseArgs } from 'node:util';
import pino from 'pino';
import { configReference } from '#shared/config/reference.ts';
import { Failure, messageOf } from '#shared/errors.ts';
import { startCentral } from './central.ts';
import { CentralConfig, readConfig, readSecret } from './config.ts';

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { config: { type: 'string' }, check: { type: 'boolean' }, reference: { type: 'boolean' } },
  });
  if (values.reference) return void process.stdout.write(configReference(CentralConfig));
  if (values.config === undefined)
    throw new Failure('bad-argument', { field: '--config', problem: 'name the configuration file' });
  const config = readConfig(values.config);
  readSecret(config);
  if (values.check) {
    process.stdout.write(`${values.config} is right: ${config.jid}\n`);
    return;
  }
  const log = pino({ level: config.log, base: { jid: config.jid } });
  const stop = await startCentral(config, log);
  let isStopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (isStopping) return;
      isStopping = true;
      log.info({ signal }, 'central stops');
      stop().then(
        () => process.exit(0),
        (error) => {
          log.error({ err: error }, 'central did not stop well');
          process.exit(1);
        },
      );
    });
  }
  log.info({ jid: config.jid }, 'central is ready');
}

try {
  await main();
} catch (error) {
  if (!(error instanceof Failure) && !(error instanceof TypeError && 'code' in error)) throw error;
  process.stderr.write(`${messageOf(error)}\n`);
  process.exit(78); // EX_CONFIG, sysexits.h
}
