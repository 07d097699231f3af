/**
 * The agent: one process a host. It drives the host's hypervisor, and answers on XMPP to those that its policy names.
 *
 *     node agent/main.ts --config FILE [--check]
 *     node agent/main.ts --reference     prints docs/agent-config.md's table of keys
 *
 * It is composed in agent.ts, by hand, from the hypervisor outwards: driver, inventory, consoles, journal, jobs, perform, and the
 * surfaces on one connection. It does not need its server: while there is none it keeps its guests' state, and comes back.
 */
import { parseArgs } from 'node:util';
import pino from 'pino';
import { configReference } from '#shared/config/reference.ts';
import { Failure, messageOf } from '#shared/errors.ts';
import { startAgent } from './agent.ts';
import { AgentConfig, readConfig, readPassword } from './config.ts';

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { config: { type: 'string' }, check: { type: 'boolean' }, reference: { type: 'boolean' } },
  });
  if (values.reference) return void process.stdout.write(configReference(AgentConfig));
  if (values.config === undefined)
    throw new Failure('bad-argument', { field: '--config', problem: 'name the configuration file' });
  const config = readConfig(values.config);
  readPassword(config);
  if (values.check) {
    process.stdout.write(`${values.config} is right: ${config.jid}, ${config.driver.kind}\n`);
    return;
  }
  const log = pino({ level: config.log, base: { host: config.host } });
  const stop = await startAgent(config, log);
  let isStopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (isStopping) return;
      isStopping = true;
      log.info({ signal }, 'agent stops');
      stop().then(
        () => process.exit(0),
        (error) => {
          log.error({ err: error }, 'agent did not stop well');
          process.exit(1);
        },
      );
    });
  }
  log.info({ jid: config.jid, driver: config.driver.kind }, 'agent is ready');
}

try {
  await main();
} catch (error) {
  if (!(error instanceof Failure) && !(error instanceof TypeError && 'code' in error)) throw error;
  process.stderr.write(`${messageOf(error)}\n`);
  process.exit(78); // EX_CONFIG, sysexits.h
}
