import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { answering } from '#provisioning/ejabberd/answering.ts';
import { environment, erlang } from '#provisioning/ejabberd/erl.ts';
import { prepare } from '#provisioning/ejabberd/server.ts';
import { ensureCertificates } from '#provisioning/pki/certificates.ts';
import { type Credentials, ensureAccount } from '#shared/ejabberd/accounts.ts';
import { ejabberdApi } from '#shared/ejabberd/api.ts';
import { CENTRAL, CENTRAL_SECRET } from './central.ts';

export const XMPP = { host: '10.98.0.5', port: 5222, componentPort: 5347 };
const DOMAIN = 'skerry.test';
/** The server's folder as the zone sees it; here the same path leads there, as what it reads names it so. */
const FOLDER = '/run/ejabberd';
const API = { socket: join(FOLDER, 'api.sock') };

/** A zone of LXC by busybox that keeps a line for each of its boots. */
export interface ZonePlan {
  name: string;
  address: string;
  /** Lines of LXC's configuration, besides. */
  config?: readonly string[];
  /** Lines of busybox's inittab, after those of its network. */
  inittab?: readonly string[];
}

/** At each boot, whether the server answered: before anything of the zone's own but its network is started. */
const NOTE = `#!/bin/sh
if nc -w 2 ${XMPP.host} ${XMPP.port} </dev/null >/dev/null 2>&1; then said='with the server'; else said='without a server'; fi
echo "$said" >>/boots
`;

/** Define a zone in a host's folder of LXC, as an administrator does by hand. @returns its root */
export async function defineZone(lxc: string, root: string, plan: ZonePlan): Promise<string> {
  const { name, address, config = [], inittab = [] } = plan;
  const own = join(lxc, name, 'rootfs');
  await mkdir(join(lxc, name), { mode: 0o711, recursive: true });
  await cp(root, own, { recursive: true, verbatimSymlinks: true });
  await writeFile(join(own, 'etc/note'), NOTE, { mode: 0o755 });
  const lines = ['::sysinit:/etc/up', '::sysinit:/etc/note', ...inittab, '::shutdown:/bin/true', ''];
  await writeFile(join(own, 'etc/inittab'), lines.join('\n'));
  await writeFile(
    join(lxc, name, 'config'),
    [
      `lxc.uts.name = ${name}`,
      `lxc.rootfs.path = dir:/var/lib/lxc/${name}/rootfs`,
      'lxc.rootfs.options = idmap=container',
      'lxc.idmap = u 0 100000 65536',
      'lxc.idmap = g 0 100000 65536',
      'lxc.mount.auto = proc:mixed sys:mixed cgroup:mixed',
      'lxc.tty.max = 0',
      ...['lxc.net.0.type = veth', 'lxc.net.0.link = sk-a', 'lxc.net.0.flags = up'],
      `lxc.environment = address=${address}/24`,
      ...config,
      '',
    ].join('\n'),
  );
  return own;
}

/** How a zone found the site at each of its boots. */
export async function bootsOf(lxc: string, name: string): Promise<string[]> {
  const text = await readFile(join(lxc, name, 'rootfs/boots'), 'utf8').catch(() => '');
  return text.split('\n').filter((line) => line !== '');
}

/** A zone whose init runs this machine's ejabberd, whose programs it sees and cannot change. @returns the certificate to trust */
export async function defineServerZone(lxc: string, root: string, name: string): Promise<string> {
  const own = await defineZone(lxc, root, {
    ...{ name, address: XMPP.host },
    config: ['lxc.mount.entry = /usr usr none bind,ro 0 0'],
    inittab: ['::respawn:/etc/ejabberd'],
  });
  for (const each of ['lib', 'lib64']) await symlink(`usr/${each}`, join(own, each));
  await writeFile(join(own, 'etc/hosts'), '127.0.0.1 localhost\n');
  await mkdir(join(own, FOLDER));
  await symlink(join(own, FOLDER), FOLDER);
  const { server, ca } = await ensureCertificates(join(FOLDER, 'pki'), DOMAIN);
  const at = (port: number) => [{ ip: XMPP.host, port }];
  await prepare({
    ...{ domain: DOMAIN, folder: FOLDER, certificate: server, authority: ca },
    components: { [CENTRAL]: CENTRAL_SECRET },
    listen: { starttls: at(XMPP.port), directTls: [], http: [], api: [API], component: at(XMPP.componentPort) },
  });
  const variables = Object.entries(await environment(FOLDER)).map(([key, value]) => `export ${key}=${quoted(value)}`);
  const run = ['#!/bin/sh', ...variables, `rm -f ${API.socket}`, `exec ${erlang(FOLDER).map(quoted).join(' ')}`, ''];
  await writeFile(join(own, 'etc/ejabberd'), run.join('\n'), { mode: 0o755 });
  return ca;
}

/** Make an account, as soon as the server answers. */
export async function accountOn(name: string): Promise<Credentials> {
  const api = ejabberdApi(API);
  await answering(api);
  return ensureAccount(api, { jid: `${name}@${DOMAIN}` });
}

const quoted = (text = ''): string => `'${text.replaceAll("'", "'\\''")}'`;
