import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { readSecretFile, readYamlFile } from '#shared/config/file.ts';
import { Failure } from '#shared/errors.ts';
import { HostName } from '#shared/model/host.ts';
import { localpartOf } from '#shared/xmpp/jid.ts';
import { AgentConfig } from './config-schema.ts';

export { AgentConfig };

/** @throws Failure config-invalid, naming file, line, key, and what was expected */
export function readConfig(file: string): AgentConfig {
  const { driver, drivers, ...config } = readYamlFile(file, AgentConfig);
  const at = (path: string): string => resolve(dirname(file), path);
  return {
    ...config,
    drivers: (drivers ?? [driver].filter((one) => one !== undefined)).map((one) => ({
      ...one,
      ...(one.imageFolder === undefined ? {} : { imageFolder: at(one.imageFolder) }),
    })),
    host: config.host ?? hostOf(config.jid, file),
    credentials: at(config.credentials),
    state: at(config.state),
    ...(config.ca ? { ca: at(config.ca) } : {}),
    ...(config.volumes ? { volumes: { ...config.volumes, folder: at(config.volumes.folder) } } : {}),
  };
}

function hostOf(jid: string, file: string): string {
  const parsed = HostName.safeParse(localpartOf(jid));
  if (parsed.success) return parsed.data;
  const problem = `the localpart of jid is no name for a host (${parsed.error.issues[0]?.message}): give \`host\``;
  throw new Failure('config-invalid', { file, problem });
}

const Credentials = z.object({ jid: z.string(), password: z.string().min(1) });

/** @throws Failure config-invalid, also for a file that others can read */
export function readPassword({ credentials: file, jid }: Pick<AgentConfig, 'credentials' | 'jid'>): string {
  const data = readSecretFile(file, Credentials, 'JSON with jid and password is due, as enrolment writes it');
  if (data.jid.toLowerCase() !== jid.toLowerCase())
    throw new Failure('config-invalid', { file, problem: `it is for ${data.jid}, and this agent is ${jid}` });
  return data.password;
}
