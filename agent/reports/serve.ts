import xml from '@xmpp/xml';
import type { Inventory } from '#agent/inventory/inventory.ts';
import { systemClock } from '#shared/clock.ts';
import { Failure } from '#shared/errors.ts';
import type { Host } from '#shared/model/host.ts';
import type { NetworkStanding } from '#shared/model/network.ts';
import type { HostFacts } from '#shared/model/report.ts';
import type { ExportStanding } from '#shared/model/volume.ts';
import type { JobRunner } from '#shared/verb/job-runner.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { bareOf } from '#shared/xmpp/jid.ts';
import { REPORT_NS, sendReport } from '#shared/xmpp/report.ts';
import { reporter } from './reporter.ts';

export interface ReportsDeps {
  entity: Entity;
  /** JID of the central agent. */
  central: string;
  epoch: number;
  inventory: Inventory;
  jobs: Pick<JobRunner, 'list' | 'onJob'>;
  hostNow(): Host;
  /** Another one after each boot of the host; undefined where its system does not tell. */
  boot: string | undefined;
  /** Verbs that a driver cannot do of its guests, by the driver's name. */
  lacks: NonNullable<HostFacts['lacks']>;
  /** Without it, this host realises no networks. */
  networks?: { readonly standing: NetworkStanding; onStanding(listener: () => void): () => void };
  /** Without it, this host exports nothing ever. */
  exports?: { readonly standing: readonly ExportStanding[]; onStanding(listener: () => void): () => void };
  onBug(error: unknown): void;
}

const JOBS_IN_SNAPSHOT = 50;

/** Report to central for as long as the agent runs. Central learns that the agent went by a presence that is for it alone. */
export function serveReports(deps: ReportsDeps): { stop(): Promise<void> } {
  const { entity, central, inventory, jobs, onBug } = deps;
  const reports = reporter({
    epoch: deps.epoch,
    guests: () => (inventory.host === undefined ? undefined : inventory.guests()),
    facts: () => ({ ...factsOf(deps, inventory), lacks: deps.lacks }),
    jobs: () => jobs.list({ limit: JOBS_IN_SNAPSHOT }),
    send: (report, signal) => sendReport(entity, central, report, signal),
    clock: systemClock,
    random: Math.random,
    onBug,
  });
  entity.serve('get', REPORT_NS, 'report', ({ from, child }) => {
    const asker = bareOf(from);
    if (asker !== central) throw new Failure('not-permitted', { requester: asker, verb: 'ask for reports' });
    greet();
    reports.wake(String(child.attrs.life ?? ''));
    return undefined;
  });
  /** Directed presence (RFC 6121 section 4.6): the server tells central when this session ends. */
  const greet = (): void => void entity.send(xml('presence', { to: central }), 'drop').catch(onBug);
  const offs = [
    inventory.onChange(reports.changed),
    inventory.onState(reports.report),
    jobs.onJob(reports.jobChanged),
    ...(deps.networks ? [deps.networks.onStanding(reports.report)] : []),
    ...(deps.exports ? [deps.exports.onStanding(reports.report)] : []),
    entity.onStatus(({ status }) => {
      if (status === 'offline') return;
      if (status === 'online') greet();
      reports.wake();
    }),
  ];
  return {
    stop: async () => {
      for (const off of offs) off();
      await reports.stop();
    },
  };
}

function factsOf(
  { hostNow, boot, networks, exports }: ReportsDeps,
  { problem, silent = [] }: Pick<Inventory, 'problem' | 'silent'>,
): HostFacts {
  const { name: _, guests: __, running: ___, since: ____, tags: _____, ...facts } = hostNow();
  return {
    ...{ ...facts, ...(boot === undefined ? {} : { boot }) },
    ...(problem === undefined ? {} : { problem }),
    ...(silent.length > 0 ? { silent: [...silent] } : {}),
    ...(networks ? { networks: networks.standing } : {}),
    ...(exports ? { exports: [...exports.standing] } : {}),
  };
}
