import { setTimeout as pause } from 'node:timers/promises';
import type { DriverGuest, DriverNic, GuestId } from '#agent/drivers/driver.ts';
import { type NicFacts, ofMac, sideBySide } from '#agent/drivers/nic-lists.ts';
import { messageOf } from '#shared/errors.ts';
import type { Mac } from '#shared/model/address.ts';
import { isActive } from '#shared/model/guest.ts';
import type { NicWanted } from '#shared/model/nic.ts';
import { addingLink, finishLinks } from './container-links.ts';
import { changeDefinition, readDefinition, withFile } from './defining.ts';
import { failedWith, type Ground } from './ground.ts';
import {
  dropNic,
  interfaceIn,
  interfaceSketch,
  isAsWanted,
  isOnBridge,
  keepApart,
  nicsIn,
  putOnBridge,
  setNic,
} from './nic-xml.ts';
import { readGuest, readXml } from './reading.ts';
import { type Document, documentOf, parseXml, xmlText } from './xml.ts';

export async function listNics(ground: Ground, id: GuestId, signal: AbortSignal): Promise<DriverNic[]> {
  const guest = await readGuest(ground, id, signal);
  const defined = guest.persistent ? nicsOf(await readDefinition(ground, id, signal)) : undefined;
  if (!isActive(guest.state)) return (defined ?? []).map((nic) => ({ ...nic, holds: 'now' }));
  return sideBySide(nicsOf(await readXml(ground, id, signal)), defined);
}

const nicsOf = (xml: string): NicFacts[] =>
  nicsIn(parseXml(xml, 'domain')).map(({ virtualport: _switch, ...nic }) => nic);

/** Give a guest an interface: in the definition, and in the guest that runs where that takes it. */
export async function attachNic(
  ground: Ground,
  id: GuestId,
  wanted: NicWanted,
  signal: AbortSignal,
): Promise<DriverNic[]> {
  const guest = await readGuest(ground, id, signal);
  const { model } = ground.hypervisor.nics;
  await changeDefinition(
    ground,
    guest,
    (definition) => definition.edited((document) => edit(ground, document, () => setNic(document, wanted, model))),
    signal,
  );
  const problem = isActive(guest.state) ? await attachLive(ground, guest, wanted, signal) : undefined;
  return left(ground, id, wanted.mac, problem, signal);
}

/** Without its last interface a container must not come to have those of the host. */
function edit({ hypervisor }: Ground, document: Document, change: () => void): void {
  const before = nicsIn(document).length;
  change();
  if (hypervisor.isContainer && nicsIn(document).length !== before) keepApart(document);
}

/** Returns why the running guest did not take all of it. */
async function attachLive(
  ground: Ground,
  guest: DriverGuest,
  wanted: NicWanted,
  signal: AbortSignal,
): Promise<string | undefined> {
  const live = parseXml(await readXml(ground, guest.id, signal), 'domain');
  const element = interfaceIn(live, wanted.mac);
  if (!element) {
    return addLive(ground, guest, wanted, signal);
  }
  const nic = nicsIn(live).find(({ mac }) => mac === wanted.mac);
  if (!nic) return undefined;
  if (isAsWanted(nic, wanted)) {
    // It may have been given by a call that was cut off then.
    if (ground.hypervisor.isContainer) await finishLinks(ground, guest.id, signal, wanted.mac);
    return undefined;
  }
  if (ground.hypervisor.nics.moves === 'anew') {
    const problem = await changeLive(ground, guest, 'detach-device', xmlText(element), signal);
    return problem ?? (await addLive(ground, guest, wanted, signal));
  }
  if (!isOnBridge(nic, wanted)) {
    putOnBridge(element, wanted);
    const problem = await changeLive(ground, guest, 'update-device', xmlText(element), signal);
    if (problem !== undefined) return problem;
  }
  const isWhole = nic.link === wanted.link && nic.mtu === wanted.mtu;
  return isWhole ? undefined : 'link and MTU of an interface are made with it, when the guest starts';
}

async function addLive(
  ground: Ground,
  guest: DriverGuest,
  wanted: NicWanted,
  signal: AbortSignal,
): Promise<string | undefined> {
  const xml = xmlText(documentOf(interfaceSketch(wanted, ground.hypervisor.nics.model)));
  const add = () => changeLive(ground, guest, 'attach-device', xml, signal);
  if (!ground.hypervisor.isContainer) return add();
  const problem = await addingLink(ground, wanted.link, add, signal);
  if (problem === undefined) await finishLinks(ground, guest.id, signal, wanted.mac);
  return problem;
}

/** Take an interface away; a guest that runs is waited for until it has let go of it. */
export async function detachNic(ground: Ground, id: GuestId, mac: Mac, signal: AbortSignal): Promise<DriverNic[]> {
  const guest = await readGuest(ground, id, signal);
  await changeDefinition(
    ground,
    guest,
    (definition) => definition.edited((document) => edit(ground, document, () => dropNic(document, mac))),
    signal,
  );
  const problem = isActive(guest.state) ? await detachLive(ground, guest, mac, signal) : undefined;
  return left(ground, id, mac, problem, signal);
}

/** How long a guest has to let go: one whose kernel runs takes well below a second, one that boots does it later or never. */
const LET_GO_MS_MAX = 20_000;
/** libvirt has an event for it, and none for a guest that ends meanwhile: looking again is simpler than waiting for both. */
const LOOK_AGAIN_MS = 200;

async function detachLive(
  ground: Ground,
  guest: DriverGuest,
  mac: Mac,
  signal: AbortSignal,
): Promise<string | undefined> {
  const element = interfaceIn(parseXml(await readXml(ground, guest.id, signal), 'domain'), mac);
  if (!element) return undefined;
  const problem = await changeLive(ground, guest, 'detach-device', xmlText(element), signal);
  // it was asked before, and has not let go yet
  if (problem !== undefined && !/already in the process of unplug/.test(problem)) return problem;
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(LET_GO_MS_MAX)]);
  while (await isThere(ground, guest.id, mac, signal)) {
    if (deadline.aborted) return 'the guest was asked to let go of it, and has not done so';
    await pause(LOOK_AGAIN_MS, undefined, { signal });
  }
  return undefined;
}

async function isThere(ground: Ground, id: GuestId, mac: Mac, signal: AbortSignal): Promise<boolean> {
  try {
    return nicsOf(await readXml(ground, id, signal)).some((nic) => nic.mac === mac);
  } catch (error) {
    if (failedWith(error, 'guest-not-found')) return false; // it had no definition, and has ended
    throw error;
  }
}

/** Returns why the running guest did not take it. A guest without a definition has nothing else: then that is a failure. */
async function changeLive(
  ground: Ground,
  guest: DriverGuest,
  command: 'attach-device' | 'update-device' | 'detach-device',
  xml: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    await withFile(ground, 'device.xml', xml, (file) => ground.virsh.slow([command, guest.id, file, '--live'], signal));
    return undefined;
  } catch (error) {
    if (!guest.persistent || !failedWith(error, 'host-command', 'guest-definition', 'guest-wrong-state')) throw error;
    ground.log.info({ guest: guest.name, command, err: error }, 'the running guest did not take the change');
    return String(error.details.problem ?? messageOf(error));
  }
}

/** What there is of that MAC now. */
async function left(
  ground: Ground,
  id: GuestId,
  mac: Mac,
  problem: string | undefined,
  signal: AbortSignal,
): Promise<DriverNic[]> {
  return ofMac(await listNics(ground, id, signal), mac, problem);
}
