import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { stringify } from 'yaml';
import type { Machine } from '#provisioning/rig/machine.ts';
import type { Machines } from './machines.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const SERVER = 'central_server';

/** The operator, at the machine on which Vagrant's are: with the address, the authority and a password from central_server. */
export interface Outsider {
  /** What `./skerry` says. @throws ExecaError where it fails */
  skerry(...words: string[]): Promise<string>;
  /** Type a line to central in a client. @returns all that came until an answer fits */
  chat(text: string, due: RegExp): Promise<string>;
}

/** @throws ExecaError where the site is not up */
export async function operatorOutside(within: Machine, machines: Machines, folder: string): Promise<Outsider> {
  await mkdir(folder, { mode: 0o700 });
  const kept = async (name: string, path: string): Promise<void> =>
    await writeFile(join(folder, name), `${await machines.on(SERVER, `cat ${path}`)}\n`, { mode: 0o600 });
  await kept('password', '/etc/skerry/operator.password');
  await kept('ca.pem', '/etc/ejabberd/skerry-ca.pem');
  const site = {
    jid: 'operator@skerry.test',
    passwordFile: 'password',
    service: { host: '10.78.0.10' },
    ca: 'ca.pem',
    central: 'central.skerry.test',
  };
  const config = join(folder, 'site.yaml');
  await writeFile(config, stringify(site));
  const said = async (argv: readonly string[]): Promise<string> => {
    const [file, ...rest] = within.enter(argv);
    const { stdout } = await execa(file, rest, { stdin: 'ignore', stderr: 'inherit' });
    return stdout;
  };
  return {
    skerry: (...words) => said([join(ROOT, 'skerry'), ...words, '--config', config]),
    chat: (text, due) =>
      said([join(ROOT, 'node_modules/.bin/node'), join(ROOT, 'test/vagrant/chat.ts'), config, text, due.source]),
  };
}
