import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { keepFile, keepFiles, keepFolder, readIfThere } from '#agent/files/folder.ts';
import { boundTo } from '#agent/services/bounds.ts';
import { tell } from '#agent/services/processes.ts';
import { readRunning } from '#agent/services/running.ts';
import type { Service } from '#agent/services/service.ts';
import { end, keepUp } from '#agent/services/services.ts';
import { paused, systemClock } from '#shared/clock.ts';
import { Failure, messageOf } from '#shared/errors.ts';
import { SEEN_AT } from './dnsmasq.ts';
import { DIGEST_WORD, type HaproxyFiles, haproxyFiles } from './haproxy.ts';
import { keepServers } from './haproxy-servers.ts';
import { askHaproxy } from './haproxy-socket.ts';
import type { Place } from './place.ts';
import type { RouterPlan } from './plan.ts';

/** Its first process stays root, in a folder that it cannot leave by these; those that carry traffic are haproxy's, with none. */
const CAPABILITIES = ['net_bind_service', 'setuid', 'setgid', 'sys_chroot', 'kill'];

export const HAPROXY: Service = {
  name: 'haproxy',
  script: [boundTo(CAPABILITIES, `haproxy -W -db -f ${SEEN_AT}/haproxy.cfg`)],
  isCurrent: () => true,
  // It is asked at its socket.
  isReady: () => true,
};

/** It is there from before it is started until it has ended. */
const RUN = 'run-haproxy';
const LOOK_MS = 25;
const TAKEN_MS_MAX = 10_000;

/**
 * Have HTTP passed in as planned; without ingress there is no haproxy.
 *
 * Servers come and go at its socket. A new host name, port or check has it take its files anew: it hands its sockets on, and connections
 * that are open go on in the process that has them.
 * @throws Failure host-command, network-host
 */
export async function keepIngress(place: Place, plan: RouterPlan, signal: AbortSignal): Promise<void> {
  const files = haproxyFiles(plan);
  if (!files) {
    if ((await readIfThere(join(place.folder, RUN))) === undefined) return;
    await end(place, { name: 'haproxy' }, signal);
    for (const name of ['haproxy.cfg', 'haproxy.sock', 'maps', RUN])
      await rm(join(place.folder, name), { recursive: true, force: true });
    return;
  }
  for (const name of ['maps', 'empty']) await keepFolder(join(place.folder, name));
  await keepFiles(join(place.folder, 'maps'), files.maps);
  await keepFile(join(place.folder, 'haproxy.cfg'), files.configuration);
  await keepUp(place, HAPROXY, signal);
  await keepTaken(place, files, signal);
  await keepServers(place.folder, plan.router.ingress, signal);
}

/** Have haproxy run with these files, but for servers. */
async function keepTaken(place: Place, files: HaproxyFiles, signal: AbortSignal): Promise<void> {
  const lateMs = systemClock.now() + TAKEN_MS_MAX;
  let told = false;
  for (;;) {
    const taken = await takenDigest(place, signal);
    if (taken === files.digest) return;
    if (taken !== undefined && !told) {
      await takeAnew(place, signal);
      told = true;
    }
    if (systemClock.now() > lateMs)
      throw new Failure('network-host', { host: place.host, problem: 'haproxy does not take its new files' });
    await paused(systemClock, LOOK_MS, signal);
    signal.throwIfAborted();
  }
}

/** Undefined while it does not answer, as when it has just been started. */
async function takenDigest({ folder }: Place, signal: AbortSignal): Promise<string | undefined> {
  try {
    return (await askHaproxy(folder, `show env ${DIGEST_WORD}`, signal)).split('=')[1];
  } catch (error) {
    if (error instanceof Failure && /ENOENT|ECONNREFUSED|ECONNRESET/.test(messageOf(error))) return undefined;
    throw error;
  }
}

/** The first process is the one that none of the others is the parent of. */
async function takeAnew(place: Place, signal: AbortSignal): Promise<void> {
  const { programs } = await readRunning(place, { name: 'haproxy' }, signal);
  const pids = new Set(programs.map(({ pid }) => pid));
  for (const each of programs) if (!pids.has(each.parent)) await tell(each, 'SIGUSR2');
}
