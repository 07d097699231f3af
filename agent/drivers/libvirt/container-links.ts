import type { DriverGuest, GuestEventListener, GuestId, Watch } from '#agent/drivers/driver.ts';
import { ip, ipInside, parseVeths, type Veth } from '#agent/drivers/veths.ts';
import type { Mac } from '#shared/model/address.ts';
import { isRunning } from './boot-parameters.ts';
import { failedWith, type Ground } from './ground.ts';
import { initPid } from './init-pid.ts';
import { nicsIn, type XmlNic } from './nic-xml.ts';
import { listNames, readXml } from './reading.ts';
import { watchEvents } from './watch.ts';
import { parseXml } from './xml.ts';

// Responsibilities: the links of a container that runs are as its definition says.
//
// Theory of operation: libvirt takes an MTU of a container's interface down and sets none, and an interface that is given to one that runs
// has a name inside that no network script expects. Both are set by the host's own `ip`, which needs none inside: after a start and
// an interface of ours, and for others when their start is told, or has been before anybody watched.

/**
 * Have the links of a container that runs be as its definition says.
 *
 * @param added that of an interface which was given to it while it runs
 * @throws Failure host-command, host-output
 */
export const finishLinks = (ground: Ground, id: GuestId, signal: AbortSignal, added?: Mac): Promise<void> =>
  ground.inTurn(`${id}/links`, () => finish(ground, id, signal, added));

async function finish(ground: Ground, id: GuestId, signal: AbortSignal, added: Mac | undefined): Promise<void> {
  const text = await readXml(ground, id, signal);
  const nics = nicsIn(parseXml(text, 'domain'));
  if (!isRunning(text) || nics.length === 0) return;
  const pid = await initPid(ground, id, signal);
  if (pid === undefined) {
    ground.log.warn(
      { id },
      'the links of a container cannot be seen from here: an MTU in its definition does not hold',
    );
    return;
  }
  const inside = parseVeths(await ground.run(ipInside(pid, '-j', 'link', 'show', 'type', 'veth'), signal));
  for (const nic of nics) {
    const end = inside.find(({ address }) => address.toLowerCase() === nic.mac);
    if (!end) continue;
    if (nic.mtu !== end.mtu) await setMtu(ground, pid, nic, end.ifname, signal);
    if (nic.mac === added && NAMED_BY_LIBVIRT.test(end.ifname))
      await rename(ground, pid, end.ifname, freeName(inside), signal);
  }
}

async function setMtu(
  { run }: Ground,
  pid: number,
  { mtu, link }: XmlNic,
  inside: string,
  signal: AbortSignal,
): Promise<void> {
  if (mtu === undefined || link === undefined) return;
  await run(ip('link', 'set', link, 'mtu', String(mtu)), signal);
  await run(ipInside(pid, 'link', 'set', inside, 'mtu', String(mtu)), signal);
}

/** Of an interface that is given to a container which runs; at a start libvirt gives another, or the one of the definition. */
const NAMED_BY_LIBVIRT = /^v(?:eth|net)\d+$/;

/** It is up afterwards, as those of the start are when it is. */
async function rename({ run }: Ground, pid: number, from: string, to: string, signal: AbortSignal): Promise<void> {
  await run(ipInside(pid, 'link', 'set', from, 'down'), signal);
  await run(ipInside(pid, 'link', 'set', from, 'name', to), signal);
  await run(ipInside(pid, 'link', 'set', to, 'up'), signal);
}

function freeName(taken: readonly Veth[]): string {
  for (let number = 0; ; number++) {
    const name = `eth${number}`;
    if (!taken.some(({ ifname }) => ifname === name)) return name;
  }
}

/** Give a container a link; what libvirt (9.0) leaves of one that came to nothing would be in the way of the next. */
export async function addingLink(
  { run, log }: Ground,
  link: string,
  add: () => Promise<string | undefined>,
  signal: AbortSignal,
): Promise<string | undefined> {
  const isThere = (): Promise<boolean> =>
    run(ip('link', 'show', 'dev', link), signal).then(
      () => true,
      (error: unknown) => {
        if (failedWith(error, 'host-command')) return false;
        throw error;
      },
    );
  if (await isThere()) return `there is a link ${link} already`;
  const problem = await add();
  if (problem === undefined || !(await isThere())) return problem;
  log.info({ link }, 'libvirt left a link that came to nothing');
  await run(ip('link', 'del', 'dev', link), signal);
  return problem;
}

const FINISH_MS_MAX = 20_000;

/** Watch, and see to the links of what was started by somebody else: at each start, and at first to all. */
export async function watchAndFinish(
  ground: Ground,
  listener: GuestEventListener,
  onBreak: (problem: Error) => void,
  signal: AbortSignal,
): Promise<Watch> {
  const over = new AbortController();
  const watch = await watchEvents(
    ground,
    (event) => {
      listener(event);
      if (event.what === 'started') void finishSome(ground, ({ name }) => name === event.name, over.signal);
    },
    onBreak,
    signal,
  );
  void finishSome(ground, () => true, over.signal);
  return {
    stop: async () => {
      over.abort();
      await watch.stop();
    },
  };
}

async function finishSome(
  ground: Ground,
  isMeant: (guest: Pick<DriverGuest, 'id' | 'name'>) => boolean,
  signal: AbortSignal,
): Promise<void> {
  const limited = (): AbortSignal => AbortSignal.any([signal, AbortSignal.timeout(FINISH_MS_MAX)]);
  // It has ended meanwhile, or the driver is being closed.
  const missed = (error: unknown): void =>
    ground.log.debug({ err: error }, 'the links of a container were not seen to');
  const guests = await listNames(ground, limited()).catch((error) => {
    missed(error);
    return [];
  });
  for (const { id } of guests.filter(isMeant)) await finishLinks(ground, id, limited()).catch(missed);
}
