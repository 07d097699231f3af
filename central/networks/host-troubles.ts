/** What hosts have not done, or could not do, of what is wanted of them: in words, and of what. Pure. */
import type { HandingOut } from './handing-out.ts';
import type { Stand } from './standing.ts';
import type { Change, NetworkState, Rows } from './state.ts';

export type Trouble = Stand['troubles'][number];

/** A network or a router, by its name. */
export interface Subject {
  what: 'network' | 'router';
  name: string;
}

/** By what one is known again, to tell it from those that were there before. */
export const keyOf = ({ what, name, problem }: Trouble): string => `${what} ${name} ${problem}`;

/** Of a host that has not taken its part. */
export function problemOf({ host, how, problem }: Stand): string[] {
  if (how === 'taken') return [];
  const rest =
    how === 'refused'
      ? 'it has not done its part'
      : `it will do its part when it ${how === 'away' ? 'is back' : 'can'}`;
  return [`${host}: ${problem}; ${rest}`];
}

/** What is not as it is wanted of a network or a router, on all hosts. */
export function problemsOf(
  { compiled, standOf }: { compiled: HandingOut['compiled']; standOf(host: string): Stand },
  state: NetworkState,
  subject: Subject,
): string[] {
  const { what, name } = subject;
  const planned = compiled.troubles.filter((each) => each.what === what && each.name === name);
  const router = what === 'router' ? state.routers.get(name) : undefined;
  const hosts = what === 'network' ? compiled.realisersOf(name) : [router?.host ?? ''];
  const told = hosts.flatMap((host) => {
    const stand = standOf(host);
    const own = stand.troubles.filter((trouble) => isOf(state, trouble, subject));
    return [...problemOf(stand), ...own.map(({ problem }) => `${host}: ${problem}`)];
  });
  const waits = router && givenIn(standOf(router.host), name)?.problem;
  return [
    ...planned.map(({ problem }) => problem),
    ...told,
    ...(router && waits !== undefined ? [`${router.host}: ${waits}`] : []),
  ];
}

/** What a router was given outside by DHCP. */
export const givenIn = ({ given }: Stand, router: string): Stand['given'][number] | undefined =>
  given.find((each) => each.router === router);

/** What a host said of that which a change touched; what ailed before is not of this change. */
export function refusalsOf(
  { host, how, problem = '', troubles }: Stand,
  change: Change,
  ailing: ReadonlySet<string>,
): { host: string; problem: string }[] {
  if (how === 'refused') return [{ host, problem }];
  const touched = new Set(change.flatMap(namesIn));
  return troubles
    .filter((trouble) => !ailing.has(keyOf(trouble)) && touched.has(`${trouble.what} ${trouble.name}`))
    .map((trouble) => ({
      host,
      problem: bare(trouble.problem.replace(`The host ${host} could not do its part: `, '')),
    }));
}

function isOf({ networks, ports }: NetworkState, trouble: Trouble, { what, name }: Subject): boolean {
  // Without its link nothing is joined.
  if (trouble.what === 'mesh') return what === 'network' && networks.get(name)?.vni !== null;
  if (trouble.what === 'port') return what === 'network' && ports.get(trouble.name)?.network === name;
  return trouble.what === 'look'
    ? what === 'network' && trouble.name === name
    : trouble.what === what && trouble.name === name;
}

const bare = (sentence: string): string => sentence.replace(/\.$/, '');

/** The names by which hosts tell troubles of a row. */
function namesIn({ kind, after }: Change[number]): string[] {
  if (after === null) return [];
  if (kind === 'networks') return [`network ${(after as Rows['networks']).name}`];
  if (kind === 'routers') {
    const { name, outside, legs } = after as Rows['routers'];
    return [`router ${name}`, ...[outside, ...legs].flatMap((leg) => (leg ? [`network ${leg.network}`] : []))];
  }
  if (kind === 'ports') {
    const { mac, network } = after as Rows['ports'];
    return [`port ${mac}`, `network ${network}`];
  }
  if (kind === 'looks') {
    const { network } = after as Rows['looks'];
    return [`look ${network}`, `network ${network}`];
  }
  return [`router ${(after as Rows['forwards' | 'ingress']).router}`];
}
