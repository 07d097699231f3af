import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { Failure } from '#shared/errors.ts';
import { type HostLook, type HostNetwork, LinkName, NetworkName, portLinkOf } from '#shared/model/network.ts';
import { type HostTools, readLinks } from './carry-out.ts';
import { batch, ip, listAddresses, readSpaces } from './commands.ts';
import { type Link, parseLinks } from './links.ts';
import { LINK_GROUP, lookSpaceOf } from './names.ts';
import { SWITCH_KIND } from './openvswitch/changes.ts';
import { isBridge } from './plan.ts';

/** The leg, as it is called where the look is. */
const LEG = 'eth0';
const TIMEOUT_MS = 30_000;
/** `ip netns exec` shows what is in here as /etc (ip-netns(8)). */
const ETC = '/etc/netns';

export interface LookTools extends HostTools {
  /** Name of this host. */
  host: string;
  /** Where it is kept which namespaces are ours: a namespace bears no mark. */
  folder: string;
}

/** What was made of a look: as long as it is the same, and all of it is there, nothing is done. */
const Recipe = z.strictObject({ look: z.unknown(), link: LinkName, mtu: z.number() });

/**
 * Looks: a leg on a network in a network namespace of its own.
 *
 * Its recipe is on the disk before the namespace is made, and until after it was removed: so a half-made one is known to be ours.
 */
export function looks(tools: LookTools) {
  const { run, folder } = tools;
  const fileOf = (network: string): string => join(folder, `${network}.json`);

  const list = (): string[] => {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const names = readdirSync(folder).flatMap((file) => (file.endsWith('.json') ? [file.slice(0, -5)] : []));
    return names.filter((name) => NetworkName.safeParse(name).success);
  };
  const remove = async (network: string, signal: AbortSignal): Promise<void> => {
    if (!list().includes(network)) return;
    const space = lookSpaceOf(network);
    await stepwise(tools, [
      async () => {
        if (!(await readSpaces(run, signal)).has(space)) return;
        // A process that looks from there keeps the namespace, and with it the leg, which would stay on the network.
        await ifThere(run(ip('-n', space, 'link', 'del', LEG), signal));
        await run(ip('netns', 'del', space), signal);
      },
      async () => rmSync(join(ETC, space), { recursive: true, force: true }),
      async () => rmSync(fileOf(network), { force: true }),
    ]);
  };
  const make = async (look: HostLook, network: HostNetwork, signal: AbortSignal): Promise<void> => {
    const links = await readLinks(tools, signal);
    const recipe = JSON.stringify({ look, link: network.link, mtu: network.mtu });
    const isOurs = list().includes(look.network);
    const isThere = (await readSpaces(run, signal)).has(lookSpaceOf(look.network));
    if (isThere && !isOurs)
      throw new Failure('network-clash', {
        ...{ what: 'a network namespace', name: lookSpaceOf(look.network), host: tools.host },
      });
    const leg = links.get(portLinkOf(look.mac));
    if (
      isThere &&
      recipeIn(fileOf(look.network)) === recipe &&
      (await isWhole(tools, look, network, leg, links, signal))
    )
      return;
    await remove(look.network, signal);
    if (links.has(portLinkOf(look.mac)) && !leg?.isOurs)
      throw new Failure('network-clash', { what: 'a link', name: portLinkOf(look.mac), host: tools.host });
    // Left by a namespace that somebody removed while a process was in it.
    if (leg?.isOurs) await ifThere(run(ip('link', 'del', leg.name), signal));
    try {
      await build(
        tools,
        {
          look,
          network,
          bed: links.get(network.link),
          keep: () => writeFileSync(fileOf(look.network), recipe, { mode: 0o600 }),
        },
        signal,
      );
    } catch (error) {
      await remove(look.network, AbortSignal.timeout(TIMEOUT_MS));
      throw error;
    }
  };
  return { list: async () => list(), make, remove };
}

/** What is to go may have gone already. */
async function ifThere(removed: Promise<unknown>): Promise<void> {
  try {
    await removed;
  } catch (error) {
    if (!(error instanceof Failure && error.code === 'host-command')) throw error;
  }
}

function recipeIn(file: string): string {
  const text = readFileSync(file, 'utf8');
  try {
    Recipe.parse(JSON.parse(text));
    return text;
  } catch {
    // Cut off while it was written: it is of no look, and is made anew.
    return '';
  }
}

async function build(
  tools: LookTools,
  { look, network, bed, keep }: { look: HostLook; network: HostNetwork; bed: Link | undefined; keep(): void },
  signal: AbortSignal,
): Promise<void> {
  const { run, host } = tools;
  const space = lookSpaceOf(look.network);
  const link = portLinkOf(look.mac);
  if (!bed) throw new Failure('network-missing', { link: network.link, host, problem: `a look is to be on it` });
  // What is there already and is no bridge gets no port, but a second address of its own.
  const isSwitched = bed.kind === SWITCH_KIND;
  const leg = isBridge(bed)
    ? [
        `link add name ${link} mtu ${network.mtu} group ${LINK_GROUP} type veth peer name ${LEG} mtu ${network.mtu} address ${look.mac} netns ${space}`,
        `link set dev ${link} ${isSwitched ? '' : `master ${network.link} `}up`,
      ]
    : [
        `link add link ${network.link} name ${LEG} mtu ${network.mtu} address ${look.mac} netns ${space} type macvlan mode bridge`,
      ];
  await stepwise(tools, [
    async () => keep(),
    async () => {
      if (look.dns.length === 0) return;
      mkdirSync(join(ETC, space), { recursive: true });
      const text = look.dns.map((server) => `nameserver ${server}\n`).join('');
      writeFileSync(join(ETC, space, 'resolv.conf'), text);
    },
    async () => void (await run(ip('netns', 'add', space), signal)),
    async () => void (await run(batch('ip', leg), signal)),
    ...(isSwitched ? [async () => switched(tools, { link, space, bridge: network.link }, signal)] : []),
    async () => void (await run(batch('ip', insideLines(look), space), signal)),
  ]);
}

async function switched(
  { openvswitch }: LookTools,
  { link, space, bridge }: { link: string; space: string; bridge: string },
  signal: AbortSignal,
): Promise<void> {
  await openvswitch?.join([{ link, bridge }], signal);
  if ((await openvswitch?.readDatapath(signal)) === 'netdev') await openvswitch?.plain(LEG, space, signal);
}

const insideLines = ({ addresses, gateways }: HostLook): string[] => [
  'link set dev lo up',
  ...addresses.map((address) => `addr add ${address} dev ${LEG} nodad`),
  `link set dev ${LEG} up`,
  ...gateways.map((gateway) => `route add default via ${gateway} dev ${LEG}`),
];

/** Whether the leg is on its network, and has its addresses. */
async function isWhole(
  { run }: LookTools,
  look: HostLook,
  network: HostNetwork,
  leg: Link | undefined,
  links: ReadonlyMap<string, Link>,
  signal: AbortSignal,
): Promise<boolean> {
  if (isBridge(links.get(network.link) ?? {}) && !(leg?.isOurs && leg.isUp && leg.master === network.link))
    return false;
  const inside = parseLinks(await run(listAddresses(lookSpaceOf(look.network)), signal));
  const found = inside.find(({ name }) => name === LEG);
  return found?.mtu === network.mtu && look.addresses.every((address) => found.addresses.includes(address));
}

/** Steps that a test may cut off between. */
async function stepwise({ failpoint }: HostTools, steps: readonly (() => Promise<void>)[]): Promise<void> {
  for (const step of steps) {
    if (failpoint.allows(1) === 0) return failpoint.end();
    await step();
  }
}
