import type { Site } from '#central/inventory/site.ts';
import { type Box, EDGES_MAX, LOOKS, type Look, NODES_MAX, PLAIN } from '#shared/chain/graph.ts';
import { dotOfBoxes } from '#shared/chain/graph-dot.ts';
import { svgOfBoxes } from '#shared/chain/graph-svg.ts';
import { Failure } from '#shared/errors.ts';
import type { Networks } from './networks.ts';
import { publicOf } from './records.ts';
import { networkNamed } from './rules.ts';
import type { NetworkState } from './state.ts';

export interface PictureWanted {
  networks: Networks;
  site: Site;
  only: string | undefined;
  picture: 'svg' | 'dot';
}

const WORDS = { hard: 'is joined to it', soft: 'realises it' };

interface Drawing {
  boxes: Box[];
  places: Map<string, number>;
}

/**
 * Networks outside, routers, networks, guests, from left to right; and hosts, with the networks that they realise.
 * @throws Failure network-not-found, network-too-large
 */
export function networkPicture(
  { networks, site, only, picture }: PictureWanted,
  isSeen: (guest: string) => boolean,
): string {
  const state = only === undefined ? networks.state : around(networks.state, only);
  const drawing: Drawing = { boxes: [], places: new Map() };
  const ofKind = (isOutside: boolean) =>
    [...state.networks.values()].filter(({ kind }) => (kind === 'outside') === isOutside);
  for (const { name, link } of ofKind(true)) draw(drawing, `network ${name}`, name, `outside · ${link}`, LOOKS.left);
  for (const router of state.routers.values()) {
    const { name, host, outside } = router;
    const joined = outside ? [`network ${outside.network}`] : [];
    const look = networks.problemsOf('router', name).length > 0 ? LOOKS.failed : LOOKS.starting;
    draw(drawing, `router ${name}`, name, ['router', host, ...publicOf(networks, router)].join(' · '), look, joined);
  }
  for (const { name, kind, subnets, wanted } of ofKind(false)) {
    const joined = [...state.routers.values()].filter(({ legs }) => legs.some((leg) => leg.network === name));
    const look = lookOf(networks, name, wanted);
    draw(
      drawing,
      `network ${name}`,
      name,
      [kind, ...subnets].join(' · '),
      look,
      joined.map((router) => `router ${router.name}`),
    );
  }
  drawGuests(drawing, state, site, isSeen);
  drawHosts(drawing, state, networks);
  requireFits(drawing.boxes);
  const title = only === undefined ? 'networks' : `network ${only}`;
  return picture === 'svg' ? svgOfBoxes(title, drawing.boxes, WORDS) : dotOfBoxes(title, drawing.boxes);
}

const lookOf = (networks: Networks, name: string, wanted: 'up' | 'down'): Look => {
  if (wanted === 'down') return LOOKS.stopped;
  return networks.problemsOf('network', name).length > 0 ? LOOKS.failed : LOOKS.ready;
};

function drawGuests(drawing: Drawing, state: NetworkState, site: Site, isSeen: (guest: string) => boolean): void {
  const guests = new Set([...state.ports.values()].map(({ guest }) => guest).filter(isSeen));
  for (const guest of [...guests].sort()) {
    const ports = [...state.ports.values()].filter((port) => port.guest === guest);
    const host = site.find(guest)?.host.name ?? 'on no host';
    const says = [host, ...ports.flatMap(({ addresses }) => addresses.slice(0, 1))].join(' · ');
    draw(
      drawing,
      `guest ${guest}`,
      guest,
      says,
      PLAIN,
      ports.map(({ network }) => `network ${network}`),
    );
  }
}

function drawHosts(drawing: Drawing, state: NetworkState, networks: Networks): void {
  const { compiled } = networks.handing;
  for (const host of compiled.hosts) {
    const realised = [...state.networks.keys()].filter((name) => compiled.realisersOf(name).includes(host));
    if (realised.length === 0) continue;
    draw(
      drawing,
      `host ${host}`,
      host,
      'host',
      LOOKS.waiting,
      realised.map((name) => `network ${name}`),
      'soft',
    );
  }
}

function draw(
  { boxes, places }: Drawing,
  id: string,
  name: string,
  says: string,
  look: Look,
  joined: readonly string[] = [],
  need: 'hard' | 'soft' = 'hard',
): void {
  const after = joined.flatMap((other) => {
    const at = places.get(other);
    return at === undefined ? [] : [{ at, until: 'ready' as const, need }];
  });
  places.set(id, boxes.length);
  boxes.push({ name, says, phase: undefined, look, isGroup: id.startsWith('host '), after });
}

/** What is on one network, and what its routers are on. @throws Failure network-not-found */
function around(state: NetworkState, name: string): NetworkState {
  networkNamed(state, name);
  const isOn = (
    networks: ReadonlySet<string>,
    { outside, legs }: { outside: { network: string } | null; legs: readonly { network: string }[] },
  ) => [outside, ...legs].some((leg) => leg !== null && networks.has(leg.network));
  const routers = new Map([...state.routers].filter(([, router]) => isOn(new Set([name]), router)));
  const near = new Set([name, ...[...routers.values()].flatMap(({ outside }) => outside?.network ?? [])]);
  return {
    ...state,
    routers,
    networks: new Map([...state.networks].filter(([id]) => near.has(id))),
    ports: new Map([...state.ports].filter(([, port]) => port.network === name)),
  };
}

/** @throws Failure network-too-large */
function requireFits(boxes: readonly Box[]): void {
  const lines = boxes.reduce((sum, { after }) => sum + after.length, 0);
  if (boxes.length <= NODES_MAX && lines <= EDGES_MAX) return;
  throw new Failure('network-too-large', {
    what: `${boxes.length} networks, routers, guests and hosts, and ${lines} lines`,
    most: `${NODES_MAX} and ${EDGES_MAX}`,
  });
}
