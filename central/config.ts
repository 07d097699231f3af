import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { readSecretFile, readYamlFile } from '#shared/config/file.ts';
import { Failure } from '#shared/errors.ts';
import { CentralConfig } from './config-schema.ts';

export { CentralConfig };

/** @throws Failure config-invalid, naming file, line, key, and what was expected */
export function readConfig(file: string): CentralConfig {
  const config = readYamlFile(file, CentralConfig);
  const at = (path: string): string => resolve(dirname(file), path);
  const { upload, join } = config;
  const uploading = upload?.ca === undefined ? {} : { upload: { ...upload, ca: at(upload.ca) } };
  const joining = join?.ca === undefined ? {} : { join: { ...join, ca: at(join.ca) } };
  return { ...config, ...uploading, ...joining, secret: at(config.secret), state: at(config.state) };
}

const Secret = z.object({ jid: z.string(), secret: z.string().min(16) });

/** @throws Failure config-invalid, also for a file that others can read */
export function readSecret({ secret: file, jid }: Pick<CentralConfig, 'secret' | 'jid'>): string {
  const data = readSecretFile(file, Secret, 'JSON with jid and secret (16 characters or more) is due');
  if (data.jid !== jid)
    throw new Failure('config-invalid', { file, problem: `it is for ${data.jid}, and central is ${jid}` });
  return data.secret;
}

/** The site's own domain: what stands behind the first dot of central's. */
export const siteDomain = (jid: string): string => jid.slice(jid.indexOf('.') + 1);
