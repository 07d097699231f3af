/**
 * Responsibilities: look at what central wants looked at on this host, and tell it what came of it.
 *
 * Theory of operation: central sends all that it wants as one set, under a version that grows; a set takes the place of the one before,
 * and is forgotten when the agent ends. Answers go to central in batches.
 *
 * What can go wrong: somebody else sends a set. It is refused: only the address that the server stamped counts. Central is away:
 * answers are dropped, and when it is back it sends a set, which makes all be told again. We were away: all is told again too.
 */
import { Failure } from '#shared/errors.ts';
import type { ProbeSet } from '#shared/model/probe.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { sendAnswers, serveProbeSets } from '#shared/xmpp/probe.ts';
import type { Probing, Started } from './probing.ts';

export interface ServeProbesDeps {
  entity: Pick<Entity, 'serve' | 'request' | 'onStatus' | 'isOnline'>;
  /** JID of the central agent. */
  central: string;
  probing: Pick<Probing, 'start'>;
  log: Record<'debug', (fields: object, message: string) => void>;
}

const ANSWER_MS = 10_000;

/** For as long as `probing` runs. */
export function serveProbes({ entity, central, probing, log }: ServeProbesDeps): void {
  let newest: ProbeSet = { version: -1, probes: [] };
  let started: Started | undefined;

  const tell: Parameters<Probing['start']>[1] = async (answers) => {
    if (!entity.isOnline) return;
    try {
      await sendAnswers(entity, central, answers, ANSWER_MS);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      log.debug({ answers: answers.length, problem: error.message }, 'central does not take answers of probes');
    }
  };
  serveProbeSets(entity, (from, read) => {
    if (from !== central) throw new Failure('not-permitted', { requester: from, verb: 'say what is probed' });
    const { version, probes } = read();
    if (version < newest.version) throw new Failure('probes-late', { version, newest: newest.version });
    newest = { version, probes };
    if (started) started.replace(probes);
    else started = probing.start(probes, tell);
  });
  entity.onStatus(({ status }) => {
    // Central may not know that we were away, and that answers were dropped.
    if (status !== 'offline') started?.replace(newest.probes);
  });
}
