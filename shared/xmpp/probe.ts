import type { Element } from '@xmpp/xml';
import { type ProbeAnswer, ProbeAnswers, ProbeSet } from '#shared/model/probe.ts';
import { asked } from './asked.ts';
import type { Entity } from './entity.ts';
import { bareOf } from './jid.ts';
import { jsonIn, parseJsonIn } from './json-container.ts';

/** What central wants looked at, on its way to an agent, and the agent's answers: `<probes/>` and `<answers/>` hold JSON. */
export const PROBE_NS = 'urn:skerry:probe:1';

/** So many answers in one IQ stay far below what a server takes. */
const ANSWERS_MAX = 200;

export const probesElement = (set: ProbeSet): Element => jsonIn('probes', PROBE_NS, set);

/** @throws Failure bad-payload */
export const parseProbes = (element: Element): ProbeSet => parseJsonIn(element, ProbeSet);

export const answersElement = (answers: readonly ProbeAnswer[]): Element => jsonIn('answers', PROBE_NS, { answers });

/** @throws Failure bad-payload */
export const parseAnswers = (element: Element): ProbeAnswer[] => parseJsonIn(element, ProbeAnswers).answers;

/**
 * Say to an agent all that it shall look at, in place of what was said before.
 *
 * @param route central's own JID, and the full JID of the agent
 * @throws Failure probes-late, no-answer, not-connected, stanza-too-large; peer-refused
 */
export async function sendProbes(
  entity: Pick<Entity, 'request'>,
  { from, to }: { from: string; to: string },
  set: ProbeSet,
  signal?: AbortSignal,
): Promise<void> {
  const child = probesElement(set);
  await asked(to, () => entity.request({ from, to, type: 'set', child, ...(signal ? { signal } : {}) }));
}

/** Take answers. `take` gets the bare JID that the server stamped, and must know whether it is an agent's: the answers do not say. */
export function serveAnswers(
  entity: Pick<Entity, 'serve'>,
  take: (from: string, answers: ProbeAnswer[]) => Promise<void> | void,
): void {
  entity.serve('set', PROBE_NS, 'answers', async ({ from, child }) => {
    await take(bareOf(from), parseAnswers(child));
    return undefined;
  });
}

/** Take sets of probes. `take` gets the bare JID that the server stamped. */
export function serveProbeSets(
  entity: Pick<Entity, 'serve'>,
  take: (from: string, read: () => ProbeSet) => void,
): void {
  entity.serve('set', PROBE_NS, 'probes', ({ from, child }) => {
    take(bareOf(from), () => parseProbes(child));
    return undefined;
  });
}

/** Give answers to central. @throws Failure no-answer, not-connected; peer-refused */
export async function sendAnswers(
  entity: Pick<Entity, 'request'>,
  central: string,
  answers: readonly ProbeAnswer[],
  timeoutMs: number,
): Promise<void> {
  for (let at = 0; at < answers.length; at += ANSWERS_MAX) {
    const child = answersElement(answers.slice(at, at + ANSWERS_MAX));
    await asked(central, () => entity.request({ to: central, type: 'set', child, timeoutMs }));
  }
}
