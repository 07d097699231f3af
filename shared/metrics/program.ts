import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { Failure } from '#shared/errors.ts';
import type { JobRunner } from '#shared/verb/job-runner.ts';
import type { Perform } from '#shared/verb/request.ts';
import { rowOf, type VerbTable } from '#shared/verb/verb.ts';

const JOBS_MAX = 10_000;
/** From what a read takes to what a shutdown takes, seconds. */
const SECONDS = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60];

/** A count of things by one word, asked for when Prometheus reads: `counts` gives the number of each. */
export function countedBy(
  registry: Registry,
  name: string,
  help: string,
  label: string,
  counts: () => Iterable<readonly [string, number]>,
): void {
  const gauge: Gauge = new Gauge({
    name,
    help,
    labelNames: [label],
    registers: [registry],
    collect: () => {
      gauge.reset();
      for (const [word, count] of counts()) gauge.set({ [label]: word }, count);
    },
  });
}

/** A number, asked for when Prometheus reads. */
export function numbered(registry: Registry, name: string, help: string, number: () => number): void {
  const gauge: Gauge = new Gauge({ name, help, registers: [registry], collect: () => gauge.set(number()) });
}

/** How often each word is there. */
export function tally(words: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

/** What agent and central both tell: the process, the connection, jobs, and each verb by outcome and time. */
export function programMetrics(table: VerbTable, isOnline: () => boolean, jobs: Pick<JobRunner, 'list'>) {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  numbered(registry, 'skerry_online', 'Whether the XMPP server is reached: 1 or 0.', () => Number(isOnline()));
  const running = (): number => jobs.list({ state: 'running', limit: JOBS_MAX }).length;
  numbered(registry, 'skerry_jobs_running', 'Jobs under way.', running);
  const asked = new Counter({
    name: 'skerry_verbs_total',
    help: 'Requests that were answered, by verb, by the way they came, and by outcome: done, or the failure.',
    labelNames: ['verb', 'surface', 'outcome'],
    registers: [registry],
  });
  const seconds = new Histogram({
    name: 'skerry_verb_seconds',
    help: 'Time from a request to its answer; for a job, until it has begun.',
    labelNames: ['verb'],
    buckets: SECONDS,
    registers: [registry],
  });

  const measured =
    (perform: Perform): Perform =>
    async (request) => {
      // Only names that the table has: what comes off the wire must not fill the memory.
      const verb = rowOf(table, request.verb) ? request.verb : 'unknown';
      const { surface } = request;
      const end = seconds.startTimer({ verb });
      try {
        const answer = await perform(request);
        asked.inc({ verb, surface, outcome: 'done' });
        return answer;
      } catch (error) {
        asked.inc({ verb, surface, outcome: error instanceof Failure ? error.code : 'internal' });
        throw error;
      } finally {
        end();
      }
    };
  return { registry, measured };
}
