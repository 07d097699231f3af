import { fileURLToPath } from 'node:url';
import { run } from '#agent/exec/run.ts';
import { type Figure, tableOf } from '../figures.ts';

const MEASURE_MS_MAX = 6 * 60_000;
/** The shell stays the first process of the namespaces: it buries what services leave behind. */
const OWN_FOLDERS = 'mount -t tmpfs none /run && ip link set lo up && "$@"; exit $?';

/**
 * Networks, routers and what goes through them, against the same by hand: `npm run bench -- --networks`, as root.
 *
 * All of it is in namespaces of its own, which end with this process, however that ends.
 */
export async function benchNetworks(isQuick: boolean): Promise<void> {
  const inside = fileURLToPath(new URL('./inside.ts', import.meta.url));
  const args = [
    ...['--pdeathsig', 'KILL', 'unshare', '--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'],
    ...['sh', '-c', OWN_FOLDERS, 'sh', process.execPath, inside, ...(isQuick ? ['--quick'] : [])],
  ];
  const said = await run(
    { file: 'setpriv', args, timeoutMs: MEASURE_MS_MAX },
    AbortSignal.timeout(MEASURE_MS_MAX + 10_000),
  );
  console.log(tableOf(JSON.parse(said) as Figure[]));
}
