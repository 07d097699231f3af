import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { isMissing } from '#agent/files/folder.ts';
import { Failure, messageOf } from '#shared/errors.ts';
import { maskOf, split } from '#shared/model/address.ts';
import { type Brand, SSH_KEY } from './brands.ts';
import { attributeOf, resourcesOf, settingOf, type ZoneConfig } from './zone-config.ts';

/** A file of a zone's root. */
export interface RootFile {
  path: string;
  /** What it holds; `copies` has a file of the global zone in its place, where that is there. */
  text?: string;
  copies?: string;
  mode?: number;
}

/** What a zone is told in files before it first boots. Source: zap's create-zone */
export function rootFiles(name: string, brand: Brand, config: ZoneConfig): RootFile[] {
  const key = attributeOf(config, SSH_KEY);
  const keyFile = key === undefined || brand.runsPrograms ? [] : [{ path: '/sshkey.pub', text: `${key}\n` }];
  if (brand.files === 'none') return keyFile;
  return [
    ...addressFiles(config),
    { path: '/etc/resolv.conf', copies: '/etc/resolv.conf' },
    { path: '/etc/default/init', copies: '/etc/default/init' },
    { path: '/etc/nodename', text: `${name}\n` },
    { path: '/etc/inet/hosts', text: hostsOf(name) },
    ...(brand.sysidcfg ? [{ path: '/etc/sysidcfg', text: sysidcfg(name, config) }] : []),
  ];
}

const hostsOf = (name: string): string =>
  [`127.0.0.1\tlocalhost`, '::1\tlocalhost', `127.0.0.1\t${name} loghost`].map((line) => `${line}\n`).join('');

/** Of an exclusive-ip zone: a file a link, and the way out. One without an address asks by DHCP. */
function addressFiles(config: ZoneConfig): RootFile[] {
  if (config.properties.get('ip-type') !== 'exclusive') return [];
  const nets = resourcesOf(config, 'net');
  const links = [...new Set(nets.map((net) => settingOf(net, 'physical') ?? ''))];
  const gateway = nets.map((net) => settingOf(net, 'defrouter')).find((each) => each !== undefined);
  return [
    ...links.flatMap((link) => {
      const addresses = nets
        .filter((net) => settingOf(net, 'physical') === link)
        .flatMap((net) => settingOf(net, 'allowed-address') ?? []);
      return linkFiles(link, addresses);
    }),
    ...(gateway === undefined ? [] : [{ path: '/etc/defaultrouter', text: `${gateway}\n` }]),
  ];
}

/** The files by which a link has addresses in a zone. */
export function linkFiles(link: string, addresses: readonly string[]): RootFile[] {
  const v4 = addresses.filter((each) => !each.includes(':'));
  const hostname = { path: `/etc/hostname.${link}`, text: v4.map((each) => `${each}\n`).join('') };
  return v4.length === 0 ? [hostname, { path: `/etc/dhcp.${link}`, text: '' }] : [hostname];
}

/**
 * What a Solaris 10 zone asks for at its first boot. It asks for no password of root: nobody can log in by one until somebody in the zone sets it.
 *
 * Source: sysidcfg(5)
 */
function sysidcfg(name: string, config: ZoneConfig): string {
  const [net] = resourcesOf(config, 'net');
  const address = net && (settingOf(net, 'allowed-address') ?? settingOf(net, 'address'));
  const gateway = net && settingOf(net, 'defrouter');
  const parts = address === undefined ? undefined : split(address);
  return [
    'system_locale=C',
    'terminal=xterms',
    'network_interface=primary {',
    `  hostname=${name}`,
    ...(parts ? [`  ip_address=${parts.address}`, `  netmask=${maskOf(parts.length)}`] : []),
    ...(gateway === undefined ? [] : [`  default_route=${gateway}`]),
    '  protocol_ipv6=no',
    '}',
    'security_policy=NONE',
    'name_service=NONE',
    'nfs4_domain=dynamic',
    'timezone=UTC',
    'root_password=*LK*',
  ]
    .map((line) => `${line}\n`)
    .join('');
}

/**
 * Write files into the root of a zone that is off. What is in it may be of somebody else, as after a clone: no way leads out of it.
 *
 * @throws Failure host-command
 */
export async function placeFiles(root: string, files: readonly RootFile[]): Promise<void> {
  for (const { path, text, copies, mode = 0o644 } of files) {
    const content = copies === undefined ? text : await readFile(copies, 'utf8').catch(nothingMissing);
    if (content === undefined) continue;
    try {
      await place(root, path, content, mode);
    } catch (error) {
      throw error instanceof Failure
        ? error
        : new Failure('host-command', { problem: `${path} in the zone: ${messageOf(error)}` }, { cause: error });
    }
  }
}

async function place(root: string, path: string, content: string, mode: number): Promise<void> {
  const folder = dirname(join(root, path));
  await mkdir(await insideOf(root, folder), { recursive: true });
  const beside = join(await insideOf(root, folder), `.skerry-${randomBytes(8).toString('hex')}`);
  try {
    await writeFile(beside, content, { flag: 'wx' });
    await chmod(beside, mode);
    // A link that stands there is replaced, and not followed.
    await rename(beside, join(dirname(beside), path.split('/').at(-1) ?? ''));
  } finally {
    await rm(beside, { force: true });
  }
}

/** The folder, if it is in the root also by where its links lead; of one that is not there yet, its nearest parent decides. */
async function insideOf(root: string, folder: string): Promise<string> {
  const real = await realpath(root);
  for (let at = folder; ; at = dirname(at)) {
    const there = await realpath(at).catch(nothingMissing);
    if (there === undefined) continue;
    if (there !== real && !there.startsWith(real + sep))
      throw new Failure('host-command', { problem: `${at} leads out of the zone; nothing is written there` });
    return at === folder ? there : join(there, folder.slice(at.length));
  }
}

const nothingMissing = (error: unknown): undefined => {
  if (isMissing(error)) return undefined;
  throw error;
};
