import { boundTo } from '#agent/services/bounds.ts';
import type { Service, ServiceName } from '#agent/services/service.ts';
import { type Export, formatOf } from '#shared/model/volume.ts';

const PREFIX = 'nbd-';

/** What tells its processes from those of other exports: the file that it serves. */
export const serverName = (volume: string, file: string): ServiceName => ({
  name: `${PREFIX}${volume}`,
  program: 'qemu-nbd',
  mark: file,
});

/** The volume that a file of a server is of. */
export const volumeOf = (name: string): string | undefined =>
  name.startsWith(`run-${PREFIX}`) ? name.slice(`run-${PREFIX}`.length) : undefined;

/**
 * An NBD server for one volume. One connection more than `clients` is let in, so that looks get through while it is used.
 *
 * @param owner whose the file is; undefined where the agent may take nobody's place, and so the server is its own user's
 * Source: qemu-nbd(8)
 */
export function nbdServer(wanted: Export, file: string, owner: { uid: number; gid: number } | undefined): Service {
  const { volume, address, port, writable, clients } = wanted;
  const args = [
    ...['--persistent', `--shared=${clients + 1}`, `--bind=${address}`, `--port=${port}`, `--export-name=${volume}`],
    ...(writable ? [] : ['--read-only']),
    ...[`--format=${formatOf(volume)}`, file],
  ];
  const program = ['qemu-nbd', ...args].map(quoted).join(' ');
  return {
    ...serverName(volume, file),
    script: [owner ? boundTo([], program, owner) : `exec ${program}`],
    isCurrent: (argv) => argv.length === args.length + 1 && args.every((word, at) => argv[at + 1] === word),
    isReady: () => true,
  };
}

/** A word for `sh`, as it is. */
const quoted = (word: string): string => (/^[\w./:=@-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
