import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure, messageOf } from '#shared/errors.ts';
import { refreshLists } from '../packages.ts';
import { run } from '../rig/run.ts';

/** The package that Debian's cloud kernel is in at the moment, which its metapackage names. */
export async function kernelPackage(say: (line: string) => void): Promise<string> {
  const look = async () =>
    /Depends: (linux-image-\S+-cloud-amd64)\b/.exec(
      await run(['apt-cache', 'depends', 'linux-image-cloud-amd64']).catch(() => ''),
    )?.[1];
  let name = await look();
  if (name === undefined && process.getuid?.() === 0) {
    say("Fetching the lists of Debian's packages (apt-get update)");
    await refreshLists();
    name = await look();
  }
  if (name === undefined) {
    throw new Failure('setup-needed', { problem: 'apt knows no linux-image-cloud-amd64: run `apt-get update`' });
  }
  return name;
}

/**
 * Fetch packages and unpack them side by side into a folder, without installing anything.
 * @returns the names of the package files: they say the versions
 */
export async function unpackPackages(names: readonly string[], folder: string): Promise<string[]> {
  const debs = join(folder, 'debs');
  const root = join(folder, 'unpacked');
  await mkdir(debs, { recursive: true });
  await mkdir(root, { recursive: true });
  try {
    // As root, apt would fetch as its own user, who may not write here, and warn about it.
    await run(['apt-get', '-q', '-o', 'APT::Sandbox::User=root', 'download', ...names], {
      cwd: debs,
      timeoutMs: 300_000,
    });
  } catch (error) {
    const problem = `the packages of the tiny guest (${names.join(', ')}) could not be fetched: ${messageOf(error)}`;
    throw new Failure('setup-needed', { problem }, { cause: error });
  }
  const files = (await readdir(debs)).sort();
  await Promise.all(files.map((file) => run(['dpkg-deb', '-x', join(debs, file), root], { timeoutMs: 300_000 })));
  return files;
}
