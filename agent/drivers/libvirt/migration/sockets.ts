import { chmod, chown, mkdir, rm, stat } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import type { Sending } from '#agent/drivers/migration.ts';
import { joined } from '#agent/streams/joined.ts';
import { Failure, messageOf } from '#shared/errors.ts';
import type { Ground } from '../ground.ts';

/** Streams of one move: to the other libvirtd, the guest's memory, and its disks. */
export const CHANNELS = ['libvirt', 'memory', 'disks'] as const;
export type Channel = (typeof CHANNELS)[number];

/**
 * Where libvirt's own socket is: the URI says so, or it is the one of the machine.
 *
 * Source: https://libvirt.org/uri.html, https://libvirt.org/daemons.html
 */
export async function daemonSocket({ uri, root }: Ground): Promise<string> {
  const named = /[?&]socket=([^&]+)/.exec(uri)?.[1];
  if (named !== undefined) return decodeURIComponent(named);
  const [modular, monolithic] = ['/run/libvirt/virtqemud-sock', '/run/libvirt/libvirt-sock'] as const;
  return (await stat(root + modular).catch(() => undefined)) ? modular : monolithic;
}

/**
 * The sockets of a guest's move, under the same paths at both hosts: at the source the agent listens at them, at the target QEMU does.
 *
 * Their names end as AppArmor's profile of the guest allows QEMU (virt-aa-helper: `*.tunnelmigrate.dest.NAME in any folder below /run/libvirt`).
 */
export interface MoveSockets {
  path(channel: Channel): string;
  /** At the source: whoever connects to one of them has a channel to the target. */
  serve(to: Sending): Promise<void>;
  remove(): Promise<void>;
}

/** What a UNIX socket's path has room for. */
const PATH_BYTES_MAX = 107;

/** @throws Failure migration-unfit: this agent cannot make them */
export async function moveSockets(ground: Ground, name: string, to: string): Promise<MoveSockets> {
  const folder = join(dirname(await daemonSocket(ground)), 'skerry');
  const path = (channel: Channel): string => join(folder, `${channel}.tunnelmigrate.dest.${name}`);
  const unfit = (problem: string, cause?: unknown): Failure =>
    new Failure('migration-unfit', { guest: name, to, problem }, { cause });
  if (Buffer.byteLength(ground.root + path('libvirt')) > PATH_BYTES_MAX || name.includes('/'))
    throw unfit('its name is too long, or has a /: sockets are called by it');
  const servers: Server[] = [];
  const open = new Set<Socket>();
  const owner = await ownerOf(ground, folder).catch((error: unknown) => {
    throw unfit(`${folder} cannot be made: ${messageOf(error)}; the agent has to run as root`, error);
  });
  const remove = async (): Promise<void> => {
    for (const server of servers) server.close();
    for (const socket of open) socket.destroy();
    await Promise.all(CHANNELS.map((channel) => rm(ground.root + path(channel), { force: true })));
  };
  // What a move left that was cut off.
  await remove();
  return {
    path,
    remove,
    serve: async (sending) => {
      for (const channel of CHANNELS) {
        const server = createServer({ allowHalfOpen: true }, (socket) => {
          open.add(socket);
          socket.on('error', () => {}).once('close', () => open.delete(socket));
          sending.open(channel).then(
            (stream) => joined(socket, stream),
            () => socket.destroy(),
          );
        });
        servers.push(server);
        await listening(server, ground.root + path(channel));
        await chmod(ground.root + path(channel), 0o600);
        await chown(ground.root + path(channel), owner.uid, owner.gid);
      }
    },
  };
}

/** What goes wrong later, as with one connection too many, is of that connection alone. */
const listening = (server: Server, path: string): Promise<void> =>
  new Promise((resolve, reject) => server.on('error', reject).listen(path, resolve));

/** Make the folder, which is QEMU's user's, and nobody else enters: it listens there itself. */
async function ownerOf({ root, uri }: Ground, folder: string): Promise<{ uid: number; gid: number }> {
  const { uid, gid } = await stat(root + (uri.includes('///session') ? dirname(folder) : '/var/lib/libvirt/qemu'));
  await mkdir(root + folder, { recursive: true, mode: 0o700 });
  await chmod(root + folder, 0o700);
  await chown(root + folder, uid, gid);
  return { uid, gid };
}

/** At the target: what the source opened goes to libvirt, or to the QEMU that awaits the guest. */
export function passOn({ root }: Ground, path: string, stream: Parameters<typeof joined>[0]): void {
  const socket = connect({ path: root + path, allowHalfOpen: true });
  socket.on('error', () => stream.destroy());
  void joined(stream, socket);
}
