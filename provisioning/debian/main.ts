import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Failure, messageOf } from '#shared/errors.ts';
import { run } from '../rig/run.ts';
import { asProgram, CLONE } from '../systemd/program.ts';
import { buildPackages } from './build.ts';
import { releasePapers } from './release.ts';

const USAGE = `npm run package [-- OPTION …]: build the Debian packages and what goes with a release.

  --out FOLDER       where they go; dist unless given
  --version VERSION  that of package.json unless given
  --quick            larger packages, in a tenth of the time

It needs git, dpkg-deb and the libraries in node_modules, and no network.
`;

await asProgram(async () => {
  const options = optionsIn(process.argv.slice(2));
  if (options.help) {
    console.log(USAGE);
    return 0;
  }
  const known = JSON.parse(await readFile(join(CLONE, 'package.json'), 'utf8')).version;
  const version = options.version ?? known;
  if (!/^\d[0-9A-Za-z.+~]*$/.test(version))
    throw new Failure('bad-argument', { field: '--version', problem: `${version} is not like 1.2.3 or 1.2.3~rc1` });
  const build = {
    root: CLONE,
    out: resolve(options.out),
    version,
    compression: options.quick ? 'quick' : 'best',
  } as const;
  const changed = await uncommitted();
  if (changed.length > 0)
    console.error(
      `Not committed, so in the packages, but not in the sources and under their name: ${changed.slice(0, 5).join(', ')}${changed.length > 5 ? ` and ${changed.length - 5} more` : ''}`,
    );
  const packages = await buildPackages(build);
  for (const name of await releasePapers(build, packages)) console.log(join(options.out, name));
  return 0;
});

/** Tracked files that differ from the last commit: packages are made of what is there, the archive of sources of the commit. */
async function uncommitted(): Promise<string[]> {
  const said = await run(['git', '-C', CLONE, 'diff', '--name-only', 'HEAD']);
  return said.split('\n').filter(Boolean);
}

function optionsIn(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        out: { type: 'string', default: join(CLONE, 'dist') },
        version: { type: 'string' },
        quick: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    throw new Failure('bad-argument', { field: 'command line', problem: `${messageOf(error)} (--help says more)` });
  }
}
