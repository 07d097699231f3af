import { glob } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Failure } from '#shared/errors.ts';

/**
 * `erl` as /usr/sbin/ejabberdctl starts it, without its shell, `su` and epmd. The node's distribution listens nowhere, and
 * nothing that it starts can gain rights. It dies with the process that started it.
 */
export const commandLine = (folder: string): string[] => [
  ...['setpriv', '--pdeathsig', 'KILL', '--no-new-privs'],
  ...erlang(folder),
];

/** The same without what is for a child process: in a container, what starts it ends at once. */
export const erlang = (folder: string): string[] => [
  ...['erl', '-noinput', '-sname', 'skerry@localhost', '-dist_listen', 'false', '-start_epmd', 'false'],
  ...['+K', 'true', '+P', '250000'],
  ...['-mnesia', 'dir', JSON.stringify(join(folder, 'spool')), '-s', 'ejabberd'],
];

/** @throws Failure setup-needed where ejabberd is not installed */
export async function environment(folder: string): Promise<NodeJS.ProcessEnv> {
  return {
    PATH: process.env.PATH,
    LANG: 'C.UTF-8',
    // Where its cookie is.
    HOME: folder,
    ERL_LIBS: await librariesFolder(),
    EJABBERD_CONFIG_PATH: join(folder, 'ejabberd.yml'),
    EJABBERD_LOG_PATH: join(folder, 'log/ejabberd.log'),
    ERL_INETRC: join(folder, 'inetrc'),
    ERL_MAX_PORTS: '32000',
    ERL_MAX_ETS_TABLES: '2000',
    ERL_CRASH_DUMP_BYTES: '0',
    // By this the rig knows its own processes.
    ...(process.env.SKERRY_RIG === undefined ? {} : { SKERRY_RIG: process.env.SKERRY_RIG }),
  };
}

/** Where Debian puts ejabberd and the Erlang libraries that it needs: a folder that is named after the architecture. */
async function librariesFolder(): Promise<string> {
  for await (const found of glob('/usr/lib/*/ejabberd-*')) return dirname(found);
  throw new Failure('setup-needed', { problem: 'ejabberd is not installed: apt-get install ejabberd' });
}
