import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const MOCHA = fileURLToPath(new URL('../../node_modules/mocha/bin/mocha.js', import.meta.url));
/** Names of namespaces, and their /etc, are this one's own too. */
const OWN_FOLDERS =
  'mount -t tmpfs none /run && mkdir -p /etc/netns && mount -t tmpfs none /etc/netns && ip link set lo up && "$@"; exit $?';

/** Why no network namespace can be made here; undefined where it can. */
export const namespaceProblem = (): string | undefined => (process.getuid?.() === 0 ? undefined : 'this takes root');

/**
 * The argv that runs a program in a network namespace of its own. All that it starts ends with it, and with who runs it; the shell is the first process
 * there, which buries what others leave behind.
 */
export const inNamespace = (argv: readonly string[]): readonly [string, ...string[]] => [
  ...(['setpriv', '--pdeathsig', 'KILL', 'unshare'] as const),
  ...[
    '--net',
    '--mount',
    '--pid',
    '--fork',
    '--kill-child',
    '--mount-proc',
    '--',
    'sh',
    '-c',
    OWN_FOLDERS,
    'sh',
    ...argv,
  ],
];

/** Run a file of tests there. @throws Error with all that it said, where one of them fails or it has none */
export const runTestsInNamespace = (file: URL): Promise<void> => runTestsIn(inNamespace, file);

/** Run a file of tests where that argv leads. */
export async function runTestsIn(
  place: (argv: readonly string[]) => readonly [string, ...string[]],
  file: URL,
): Promise<void> {
  const [program, ...args] = place([
    process.execPath,
    MOCHA,
    '--no-config',
    '--exit',
    '--timeout',
    '120000',
    '--fail-zero',
    fileURLToPath(file),
  ]);
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
  const [code] = await once(child, 'close');
  if (process.env.SKERRY_TEST_LOG) process.stderr.write(said);
  if (code !== 0) throw new Error(said);
}
