/**
 * The central agent: one process a site. It knows all hosts and guests by what their agents report, speaks for every guest on XMPP,
 * and passes on to agents what is asked of it.
 *
 *     node central/main.ts --config FILE [--check]
 *     node central/main.ts --config FILE --restore BACKUP     while it does not run: go back to a backup
 *     node central/main.ts --reference     prints docs/central-config.md's table of keys
 *
 * It is composed in central.ts, by hand, from the database outwards.
 */
import { Failure } from '#shared/errors.ts';
import { runProgram } from '#shared/program.ts';
import { startCentral } from './central.ts';
import { CentralConfig, readConfig, readSecret } from './config.ts';
import { restore } from './database/restore.ts';
import { sqliteFile } from './kept.ts';

await runProgram<CentralConfig>({
  name: 'central',
  schema: CentralConfig,
  readConfig,
  readSecret,
  base: ({ jid }) => ({ jid }),
  // Its address is in each line of the log already.
  about: ({ jid }) => ({ jid }),
  start: startCentral,
  restore: async (config, backup) => {
    if (config.database !== undefined)
      throw new Failure('config-invalid', {
        file: 'database',
        problem: 'it is PostgreSQL: restore it by its own tools',
      });
    const before = await restore(backup, sqliteFile(config), Date.now());
    return `Central is as it was in ${backup}.${before === undefined ? '' : ` What it knew until now is in ${before}.`}`;
  },
});
