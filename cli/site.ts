import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { readRigFile } from '#provisioning/rig/rig-file.ts';
import { COMMAND_CONFIG } from '#provisioning/roles/places.ts';
import { SKERRY } from '#shared/called.ts';
import { Failure, messageOf } from '#shared/errors.ts';
import { localpartOf } from '#shared/xmpp/jid.ts';
import type { Options } from './options.ts';
import { ROOT } from './rig-options.ts';

/** What the command line must know of a site: who one is, where the server is, which hosts there are. */
export interface Site {
  jid: string;
  password: string;
  ca?: string;
  service: { host: string; port: number; directTls?: boolean };
  hosts: readonly { name: string; jid: string }[];
  /** JID of the central agent, where there is one. */
  central?: string;
}

const BareJid = z.string().regex(/^[^@\s/]+@[^@\s/]+$/, 'a bare JID is due, as you@example.org');

/** The configuration of a person's command line on a real site. */
export const CliConfig = z.strictObject({
  jid: BareJid.meta({ description: 'Bare JID of your account.' }),
  passwordFile: z
    .string()
    .meta({ description: 'File with the password, that only you can read; relative to this file.' }),
  service: z
    .strictObject({ host: z.string(), port: z.int().default(5222), directTls: z.boolean().default(false) })
    .meta({ description: 'Where the XMPP server is.' }),
  ca: z
    .string()
    .optional()
    .meta({ description: "PEM file of the site's certificate authority; without it, those that Node trusts." }),
  central: z.string().optional().meta({
    description:
      'The central agent: the domain of its component. Verbs go there, unless `--host` or `--direct` is given.',
  }),
  hosts: z
    .array(BareJid)
    .default([])
    .meta({ description: 'Bare JIDs of the hosts, for `--direct`. Where it is there, `--host` names one of it.' }),
});

/** From `--config` or SKERRY_CONFIG, else from the rig, else of the site that this machine is the centre of. @throws Failure config-invalid, setup-needed */
export async function siteFor(options: Options): Promise<Site> {
  const rig = join(resolve(options.dir ?? join(ROOT, '.skerry')), 'rig.json');
  const config = configFor(options, rig);
  return config ? fromConfig(resolve(config)) : fromRig(rig, options.as);
}

/** The site's configuration, where it is not the rig that is meant. */
export function configFor(options: Pick<Options, 'config' | 'dir'>, rig: string): string | undefined {
  const named = options.config ?? process.env.SKERRY_CONFIG;
  if (named || options.dir !== undefined || existsSync(rig)) return named;
  return existsSync(COMMAND_CONFIG) ? COMMAND_CONFIG : undefined;
}

async function fromRig(file: string, role: string): Promise<Site> {
  if (!existsSync(file))
    throw new Failure('setup-needed', {
      problem: `No rig is up (there is no ${file}): bring one up with ${SKERRY} up, or name a site with --config FILE`,
    });
  const rig = await readRigFile(file);
  const account = rig.accounts.find((each) => each.role === role || each.jid === role);
  if (!account)
    throw new Failure('bad-argument', {
      field: '--as',
      problem: `there is no ${role}; there are ${rig.accounts.map((each) => each.role).join(', ')}`,
    });
  const { jid, password } = account;
  return { jid, password, ca: await textIn(rig.ca), service: rig.xmpp, hosts: rig.hosts, central: rig.central };
}

/** The environment goes before the file, so that several people can share one. */
export async function fromConfig(file: string, env: NodeJS.ProcessEnv = process.env): Promise<Site> {
  const given = {
    ...(env.SKERRY_JID ? { jid: env.SKERRY_JID } : {}),
    ...(env.SKERRY_PASSWORD_FILE ? { passwordFile: resolve(env.SKERRY_PASSWORD_FILE) } : {}),
  };
  const read = await yamlIn(file);
  const isObject = typeof read === 'object' && read !== null && !Array.isArray(read);
  const parsed = CliConfig.safeParse(isObject ? { ...read, ...given } : read);
  if (!parsed.success) throw new Failure('config-invalid', { file, problem: problemsIn(parsed.error) });
  const { jid, passwordFile, service, ca, hosts, central } = parsed.data;
  if (hosts.length === 0 && central === undefined)
    throw new Failure('config-invalid', { file, problem: 'name `central`, or `hosts`, or both' });
  const at = (name: string): string => resolve(dirname(file), name);
  return {
    jid,
    service,
    password: await secretIn(at(passwordFile)),
    ...(ca ? { ca: await textIn(at(ca)) } : {}),
    hosts: hosts.map((host) => ({ name: localpartOf(host), jid: host })),
    ...(central ? { central } : {}),
  };
}

const problemsIn = (error: z.ZodError): string =>
  error.issues.map((issue) => `${issue.path.join('.') || 'the file'}: ${issue.message}`).join('; ');

async function yamlIn(file: string): Promise<unknown> {
  try {
    return parse(await textIn(file));
  } catch (error) {
    throw error instanceof Failure ? error : new Failure('config-invalid', { file, problem: messageOf(error) });
  }
}

async function textIn(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error) =>
    Promise.reject(new Failure('config-invalid', { file, problem: messageOf(error) })),
  );
}

async function secretIn(file: string): Promise<string> {
  const text = (await textIn(file)).trim();
  if (((await stat(file)).mode & 0o077) !== 0)
    throw new Failure('config-invalid', { file, problem: 'others can read it: chmod 600' });
  return text;
}
