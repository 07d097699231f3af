import { createHash } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { run } from '../rig/run.ts';
import type { Build } from './build.ts';
import { sourceDate } from './build.ts';
import { type Module, productionModules } from './modules.ts';

const SOURCES_TIMEOUT_MS = 120_000;

/**
 * What goes with the packages of a release: the sources in one archive, a bill of materials, and the checksums of all.
 * @returns the files, as they are in `out`
 */
export async function releasePapers({ root, out, version }: Build, packages: readonly string[]): Promise<string[]> {
  const sources = `skerry-${version}.tar.gz`;
  const bill = `skerry-${version}.cdx.json`;
  const tar = join(out, `skerry-${version}.tar`);
  await run(['git', '-C', root, 'archive', `--prefix=skerry-${version}/`, '-o', tar, 'HEAD'], {
    timeoutMs: SOURCES_TIMEOUT_MS,
  });
  await writeFile(join(out, sources), gzipSync(await readFile(tar), { level: 9 }));
  await rm(tar);
  const made = billOfMaterials(version, await sourceDate(root), await productionModules(root), await nodeDigest(root));
  await writeFile(join(out, bill), `${JSON.stringify(made, null, 2)}\n`);
  const all = [...packages, sources, bill].sort();
  const sums = await Promise.all(all.map(async (name) => `${sha256(await readFile(join(out, name)))}  ${name}\n`));
  await writeFile(join(out, 'SHA256SUMS'), sums.join(''));
  return [...all, 'SHA256SUMS'];
}

const sha256 = (data: Buffer | string): string => createHash('sha256').update(data).digest('hex');

/** npm's package `node` fetches it as it is installed, so the lock has no digest of it. */
const nodeDigest = async (root: string): Promise<string> =>
  sha256(await readFile(join(root, 'node_modules/node/bin/node')));

/**
 * CycloneDX 1.5, from the lock: what the packages hold that others made. No serial number and no time but that of the sources, so that
 * the same sources make the same bill. Source: https://cyclonedx.org/docs/1.5/json/
 */
export function billOfMaterials(version: string, epochS: number, modules: readonly Module[], nodeSha256: string) {
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: {
      timestamp: new Date(epochS * 1_000).toISOString(),
      component: { type: 'application', name: 'skerry', version, licenses: [{ license: { id: 'Apache-2.0' } }] },
    },
    components: modules.map((module) => componentOf(module, nodeSha256)),
  };
}

function componentOf({ place, name, version, integrity, license }: Module, nodeSha256: string) {
  const [algorithm, digest = ''] = integrity?.split('-') ?? [];
  const hashes = [
    ...(algorithm === 'sha512' ? [{ alg: 'SHA-512', content: Buffer.from(digest, 'base64').toString('hex') }] : []),
    ...(name === 'node' ? [{ alg: 'SHA-256', content: nodeSha256 }] : []),
  ];
  return {
    type: name === 'node' ? 'application' : 'library',
    // One library may be there in two versions.
    'bom-ref': place,
    name,
    version,
    purl: `pkg:npm/${name.replace('@', '%40')}@${version}`,
    hashes,
    ...(license === undefined ? {} : { licenses: [{ expression: license }] }),
  };
}
