import type { Run } from '#agent/exec/run.ts';
import {
  createInterface,
  deleteInterface,
  isAbsentInterface,
  listInterfaces,
  parseInterfaces,
} from '#agent/illumos/interfaces.ts';
import { networkOfStub, sharedVnicOf, stubOf } from '#agent/illumos/link-names.ts';
import {
  createEtherstub,
  createVnic,
  deleteEtherstub,
  deleteVnic,
  isAbsentLink,
  isTakenLink,
  type Link,
  listLinks,
  listVnics,
  parseLinks,
  parseVnics,
} from '#agent/illumos/links.ts';
import { undoable, undoStack } from '#agent/undo-stack.ts';
import { Failure } from '#shared/errors.ts';
import type { HostNetwork } from '#shared/model/network.ts';
import type { Marks } from './marks.ts';

export interface StubTools {
  run: Run;
  host: string;
  /** Which networks were made here: links of illumos have no mark. */
  marks: Marks;
  undoFailed(what: string, error: unknown): void;
}

const late = (): AbortSignal => AbortSignal.timeout(60_000);

/** What there is of a network: its etherstub, the vnic of its shared-ip zones, and that vnic's IP interface. */
interface Parts {
  stub: boolean;
  shared: Link | undefined;
  interface: boolean;
}

/**
 * Have a network be there: an etherstub, and a vnic over it that has an IP interface without an address in the global zone, for shared-ip zones.
 *
 * @throws Failure network-clash, network-host, host-command, host-timeout
 */
export async function makeStub(tools: StubTools, network: HostNetwork, signal: AbortSignal): Promise<void> {
  const { run, host, marks } = tools;
  const { name, mtu } = network;
  if (network.tunnel)
    throw new Failure('network-host', { host, problem: `${name} is on several hosts, and illumos joins none here` });
  const parts = await partsOf(tools, name, signal);
  const shared = sharedVnicOf(name);
  if ((parts.stub || parts.shared) && !(await marks.has(name)))
    throw new Failure('network-clash', { what: 'a link', name: parts.stub ? stubOf(name) : shared, host });
  await using undo = undoStack(tools.undoFailed);
  undo.add('mark', async (isClean) => {
    if (isClean && !parts.stub && !parts.shared) await marks.drop(name);
  });
  await marks.add(name);
  const step = (what: string, make: ReturnType<typeof createVnic>, remove: (late: AbortSignal) => Promise<unknown>) =>
    undoable(undo, { what, make: () => run(make, signal), remove: () => remove(late()), isTaken: isTakenLink });
  if (!parts.stub) await step('etherstub', createEtherstub(stubOf(name)), (limit) => removeStub(tools, name, limit));
  const isFit = parts.shared?.mtu === mtu;
  if (parts.shared && !isFit) await removeShared(tools, name, signal);
  if (!isFit)
    await step('vnic', createVnic({ link: shared, over: stubOf(name), mtu }), (limit) =>
      removeShared(tools, name, limit),
    );
  if (!isFit || !parts.interface)
    await step('interface', createInterface(shared), (limit) => unplumb(tools, name, limit));
  undo.keep();
}

/** Take away what was made of a network; of what somebody else made, nothing. What others still hang on it stays, and that is a failure. */
export async function unmakeStub(tools: StubTools, network: string, signal: AbortSignal): Promise<void> {
  if (!(await tools.marks.has(network))) return;
  await removeShared(tools, network, signal);
  await removeStub(tools, network, signal);
  await tools.marks.drop(network);
}

async function partsOf({ run }: StubTools, network: string, signal: AbortSignal): Promise<Parts> {
  const links = parseLinks(await run(listLinks(), signal));
  const interfaces = parseInterfaces(await run(listInterfaces(), signal));
  const shared = sharedVnicOf(network);
  return {
    stub: links.some(({ link }) => link === stubOf(network)),
    shared: links.find(({ link }) => link === shared),
    interface: interfaces.includes(shared),
  };
}

/** Networks of ours of which there is anything. */
export async function stubsThere({ run, marks }: StubTools, signal: AbortSignal): Promise<string[]> {
  const there = new Set(parseLinks(await run(listLinks(), signal)).map(({ link }) => link));
  return (await marks.all()).filter((name) => there.has(stubOf(name)) || there.has(sharedVnicOf(name)));
}

/** A link that is there already, which zones get vnics over. @throws Failure network-missing */
export async function requireOutside(
  { run, host }: StubTools,
  { link }: HostNetwork,
  signal: AbortSignal,
): Promise<void> {
  const links = parseLinks(await run(listLinks(), signal));
  if (!links.some((each) => each.link === link))
    throw new Failure('network-missing', { link, host, problem: 'dladm does not know it' });
}

const removeShared = async (tools: StubTools, network: string, signal: AbortSignal): Promise<void> => {
  await unplumb(tools, network, signal);
  await unlessAbsent(tools.run(deleteVnic(sharedVnicOf(network)), signal), isAbsentLink);
};
const removeStub = ({ run }: StubTools, network: string, signal: AbortSignal): Promise<void> =>
  unlessAbsent(run(deleteEtherstub(stubOf(network)), signal), isAbsentLink);
const unplumb = ({ run }: StubTools, network: string, signal: AbortSignal): Promise<void> =>
  unlessAbsent(run(deleteInterface(sharedVnicOf(network)), signal), isAbsentInterface);

async function unlessAbsent(work: Promise<unknown>, isAbsent: (error: unknown) => boolean): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
}

/** Vnics over our etherstubs, but those that the host itself has there. */
export async function readVnics({ run }: Pick<StubTools, 'run'>, signal: AbortSignal) {
  return parseVnics(await run(listVnics(), signal)).flatMap((vnic) => {
    const network = networkOfStub(vnic.over);
    return network === undefined || vnic.link === sharedVnicOf(network) ? [] : [{ ...vnic, network }];
  });
}
