import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildPackages } from '../debian/build.ts';
import { buildGuest } from '../guest/build.ts';
import { asProgram, CLONE } from '../systemd/program.ts';

/**
 * What `vagrant up` carries to the machines, made on the machine that it is typed on: our packages, and the tiny guest. `--guest`:
 * only that, where machines run the working tree.
 */
await asProgram(async () => {
  const out = join(CLONE, 'dist');
  await mkdir(join(out, 'guest'), { recursive: true });
  const { kernel, initrd } = await buildGuest(join(CLONE, '.cache'), console.log);
  await copyFile(kernel, join(out, 'guest/vmlinux'));
  await copyFile(initrd, join(out, 'guest/initrd'));
  if (process.argv.includes('--guest')) return 0;
  const { version } = JSON.parse(await readFile(join(CLONE, 'package.json'), 'utf8'));
  await buildPackages({ root: CLONE, out, version, compression: 'quick' });
  return 0;
});
