import { join } from 'node:path';
import { type Run, run as runCommand } from '#agent/exec/run.ts';
import { runToEnd } from '#agent/exec/run-to-end.ts';
import { ON_A_TERMINAL } from '#agent/exec/terminal.ts';
import { turns } from '#shared/turns.ts';
import { configsBy } from './configs.ts';
import type { Ground } from './ground.ts';
import { hostOnce } from './host-facts.ts';
import { ledgerIn } from './ledger.ts';
import type { Places } from './short-form.ts';

export interface GroundOptions extends Partial<Places> {
  log: Ground['log'];
  /** The host's name, for messages. */
  host: string;
  /** A folder of the agent's; one of our own is made in it. */
  stateFolder: string;
  /** What gives `zlogin -C` a terminal. */
  terminal?: readonly [string, ...string[]];
  run?: Run;
  runToEnd?: Ground['runToEnd'];
  /** Where zonecfg keeps its files, whose times tell of changes. */
  configFolder?: string;
}

/** What the parts of a driver of zones stand on. @param changed something was changed */
export function groundOf(options: GroundOptions, changed: () => void): Ground {
  const { run = runCommand, host, log } = options;
  const stateFolder = join(options.stateFolder, 'zones');
  return {
    ...{ run, host, log, stateFolder, changed },
    runToEnd: options.runToEnd ?? runToEnd,
    zonesFolder: options.zonesFolder ?? '/export/zones',
    packageCache: options.packageCache ?? '/var/zap/cache',
    terminal: options.terminal ?? ON_A_TERMINAL,
    ledger: ledgerIn(join(stateFolder, 'made')),
    configs: configsBy({ run, folder: options.configFolder ?? '/etc/zones' }),
    readHost: hostOnce(run),
    inTurn: turns(),
  };
}
