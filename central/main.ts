/**
 * The central agent: one process a site. It knows all hosts and guests by what their agents report, speaks for every guest on XMPP,
 * and passes on to agents what is asked of it.
 *
 *     node central/main.ts --config FILE [--check]
 *     node central/main.ts --reference     prints docs/central-config.md's table of keys
 *
 * It is composed in central.ts, by hand, from the database outwards.
 */
import { runProgram } from '#shared/program.ts';
import { startCentral } from './central.ts';
import { CentralConfig, readConfig, readSecret } from './config.ts';

await runProgram<CentralConfig>({
  name: 'central',
  schema: CentralConfig,
  readConfig,
  readSecret,
  base: ({ jid }) => ({ jid }),
  // Its address is in each line of the log already.
  about: ({ jid }) => ({ jid }),
  start: startCentral,
});
