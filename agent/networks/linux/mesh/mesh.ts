/**
 * Responsibilities: the host's WireGuard link is as central says, or is not there.
 *
 * Theory of operation: what the link is given is a file, and what brings it up is a script beside it; both the agent and the supervisor
 * of wireguard-go run that one. The agent looks at what there is and runs it where that is something else. Before the link is made, a fence
 * keeps tunnels from going any other way.
 *
 * What can go wrong: wireguard-go dies, and its link with it. The supervisor starts it again and brings the link up; the fence has
 * kept what was sent in between. A name of an endpoint has no address: that peer is dialled where it was last, and it is told.
 */
import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import type { Command } from '#agent/exec/run.ts';
import { keepFile, readIfThere } from '#agent/files/folder.ts';
import type { HostTools } from '#agent/networks/linux/carry-out.ts';
import { listAddresses, listLinks } from '#agent/networks/linux/commands.ts';
import { type Link, parseLinks } from '#agent/networks/linux/links.ts';
import { LINK_GROUP } from '#agent/networks/linux/names.ts';
import { keepSecret, keyIn } from '#agent/networks/wireguard-key.ts';
import { paused, systemClock } from '#shared/clock.ts';
import { Failure } from '#shared/errors.ts';
import { type HostMesh, MESH_LINK } from '#shared/model/mesh.ts';
import { confOf, FILES, MESH_ALIAS, type MeshPlan, onLink, upScript } from './conf.ts';
import { endDaemon, lastWordsOf, readDaemon, supervise } from './daemon.ts';
import { isGiven, parseDump } from './dump.ts';
import { fence } from './fence.ts';

export interface MeshDeps extends Pick<HostTools, 'run'> {
  /** Name of this host. */
  host: string;
  /** Where its key is, and what the link is made with. */
  folder: string;
  /** UDP port; undefined where this host's configuration names no WireGuard. */
  port: number | undefined;
  /** Addresses of a name. @throws Error where it has none */
  lookUp(name: string): Promise<string[]>;
}

const UP_MS_MAX = 10_000;
const UNDO_MS_MAX = 30_000;
const LOOK_UP_MS_MAX = 5_000;
const LOOK_MS = 25;
const TRIES_MAX = 10;

const command = (file: string, ...args: string[]): Command => ({ file, args, timeoutMs: 30_000 });

export function linuxMesh(deps: MeshDeps) {
  const { run, host, folder, port } = deps;
  const held = fence(deps);
  const at = (file: string): string => join(folder, file);
  const failure = (problem: string): Failure => new Failure('network-host', { host, problem });

  async function keep(mesh: HostMesh | undefined, vnis: readonly number[], signal: AbortSignal): Promise<void> {
    const wasThere = (await readIfThere(at(FILES.up))) !== undefined;
    if (!mesh) return wasThere ? await remove(signal) : undefined;
    if (port === undefined) throw failure('it is to meet others by WireGuard, which its configuration does not name');
    const link = await readLink(signal);
    if (link && !(await isOurs(link))) throw new Failure('network-clash', { what: 'a link', name: MESH_LINK, host });
    const names = mesh.peers.flatMap(({ endpoint }) => endpoint?.host ?? []);
    const plan: MeshPlan = { mesh, port, key: await keyIn(folder, host), found: await findAll(deps, names) };
    try {
      await make(plan, vnis, link, signal);
    } catch (error) {
      if (!wasThere) await remove(AbortSignal.timeout(UNDO_MS_MAX));
      throw error;
    }
    const lost = names.filter((name) => !plan.found.has(name));
    if (lost.length > 0) throw failure(`no address is found for the WireGuard endpoint ${lost.join(', ')}`);
  }

  async function make(
    plan: MeshPlan,
    vnis: readonly number[],
    link: Link | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    await keepFile(at(FILES.up), upScript(folder, plan.mesh));
    await keepSecret(at(FILES.conf), confOf(plan));
    await held.keep(vnis, signal);
    if (link?.kind !== 'wireguard' && !(await madeByKernel(link, signal))) await supervise(run, folder, signal);
    await untilThere(signal);
    if (await isRight(plan, signal)) return;
    // The supervisor may be running the same script at this moment.
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      await run(command('sh', at(FILES.up)), signal);
      if (await isRight(plan, signal)) return;
      await paused(systemClock, LOOK_MS, signal);
    }
    throw failure(`${MESH_LINK} is not as it was made a moment ago`);
  }

  /** @returns false where the kernel has no WireGuard, or wireguard-go is in its place already */
  async function madeByKernel(link: Link | undefined, signal: AbortSignal): Promise<boolean> {
    const { supervisor } = await readDaemon(folder);
    if (link || supervisor) return false;
    try {
      const args = ['link', 'add', 'name', MESH_LINK, 'group', String(LINK_GROUP), 'type', 'wireguard'];
      await run(command('ip', ...args), signal);
      return true;
    } catch (error) {
      if (error instanceof Failure && /Unknown device type|not supported/i.test(error.message)) return false;
      throw error;
    }
  }

  const readLink = async (signal: AbortSignal): Promise<Link | undefined> =>
    parseLinks(await run(listLinks(), signal)).find(({ name }) => name === MESH_LINK);

  /** A link of wireguard-go is marked a moment after it was made: until then it is known by who made it. */
  const isOurs = async (link: Link): Promise<boolean> =>
    link.isOurs || (link.kind === 'tun' && (await readDaemon(folder)).program !== undefined);

  const readGiven = (signal: AbortSignal): Promise<string> => run(command('wg', 'show', MESH_LINK, 'dump'), signal);

  async function untilThere(signal: AbortSignal): Promise<void> {
    const lateMs = systemClock.now() + UP_MS_MAX;
    for (;;)
      try {
        await readGiven(signal);
        return;
      } catch (error) {
        if (!(error instanceof Failure) || error.code !== 'host-command') throw error;
        if (systemClock.now() > lateMs) throw failure(`${error.message} wireguard-go: ${await lastWordsOf(folder)}`);
        await paused(systemClock, LOOK_MS, signal);
        signal.throwIfAborted();
      }
  }

  async function isRight(plan: MeshPlan, signal: AbortSignal): Promise<boolean> {
    const { mesh } = plan;
    const link = await readLink(signal);
    const addressed = parseLinks(await run(listAddresses(), signal)).find(({ name }) => name === MESH_LINK);
    const isLinkRight = link?.isOurs === true && link.isUp && link.mtu === mesh.mtu && link.alias === MESH_ALIAS;
    const digest = createHash('sha256').update(confOf(plan)).digest('hex');
    return (
      isLinkRight &&
      addressed?.addresses.join() === onLink(mesh.address) &&
      (await readIfThere(at(FILES.applied)))?.trim() === digest &&
      isGiven(plan, parseDump(await readGiven(signal)))
    );
  }

  /** The script goes last: while it is there, something may be left. The key stays. */
  async function remove(signal: AbortSignal): Promise<void> {
    await endDaemon(folder, signal);
    const link = await readLink(signal);
    if (link?.isOurs) await run(command('ip', 'link', 'del', 'dev', MESH_LINK), signal);
    await held.remove(signal);
    for (const file of [FILES.conf, FILES.applied, FILES.up]) await rm(at(file), { force: true });
  }

  return { keep };
}

/** Where names of endpoints lead, in one order whatever a name server says first; addresses lead to themselves. */
async function findAll({ lookUp }: Pick<MeshDeps, 'lookUp'>, names: readonly string[]): Promise<Map<string, string>> {
  const late = AbortSignal.timeout(LOOK_UP_MS_MAX);
  const isLate = new Promise<string[]>((resolve) => late.addEventListener('abort', () => resolve([]), { once: true }));
  const found = new Map<string, string>();
  const find = async (name: string): Promise<void> => {
    const all = isIP(name) ? [name] : await Promise.race([lookUp(name).catch(() => []), isLate]);
    const [first] = all.toSorted((a, b) => isIP(a) - isIP(b) || (a < b ? -1 : 1));
    if (first !== undefined) found.set(name, first);
  };
  await Promise.all([...new Set(names)].map(find));
  return found;
}
