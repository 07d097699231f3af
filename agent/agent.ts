import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { steadyClock, systemClock } from '#shared/clock.ts';
import { textOf } from '#shared/config/file.ts';
import { messageOf } from '#shared/errors.ts';
import { serveMetrics } from '#shared/metrics/endpoint.ts';
import { programMetrics } from '#shared/metrics/program.ts';
import type { Host } from '#shared/model/host.ts';
import { jobRunner } from '#shared/verb/job-runner.ts';
import { performer } from '#shared/verb/perform.ts';
import { type AgentVerbs, agentVerbs } from '#shared/verbs/agent.ts';
import { serveAbout } from '#shared/xmpp/about.ts';
import { serveChat } from '#shared/xmpp/chat.ts';
import { serveCommands } from '#shared/xmpp/commands.ts';
import { xmppClient } from '#shared/xmpp/connection/client.ts';
import { serveDisco } from '#shared/xmpp/disco.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { serverTimeMs } from '#shared/xmpp/server-time.ts';
import { bootMark } from './chains/boot.ts';
import { coldStart, serveColdStarts } from './chains/cold-start.ts';
import { type AgentConfig, readPassword } from './config.ts';
import { consoleDelivery, dropWatchers } from './consoles/delivery.ts';
import { consoleKeeper } from './consoles/keeper.ts';
import { consoleMarks } from './consoles/marks.ts';
import type { HypervisorDriver } from './drivers/driver.ts';
import { run } from './exec/run.ts';
import { startSession } from './exec/session.ts';
import { factsBy } from './facts.ts';
import { healthKeeper } from './host/health.ts';
import { driverFor } from './hypervisor.ts';
import type { Inventory } from './inventory/inventory.ts';
import { hostInventory } from './inventory/several.ts';
import { jobTable } from './jobs/job-table.ts';
import { openDatabase } from './journal/database.ts';
import { type AgentJournal, agentJournal } from './journal/journal.ts';
import { recover } from './journal/recover.ts';
import { nextEpoch, settings } from './journal/settings.ts';
import { hostMetrics } from './metrics.ts';
import type { Networking } from './networks/networking.ts';
import { agentOffer } from './offer.ts';
import { servePresence } from './presence.ts';
import { lookers } from './probes/lookers.ts';
import { type Probing, type ProbingDeps, probing } from './probes/probing.ts';
import { serveProbes } from './probes/serve.ts';
import { realised } from './realised.ts';
import { serveReports } from './reports/serve.ts';
import { authority } from './roles/authority.ts';
import { agentHandlers } from './verbs/agent.ts';
import { guestQuestions } from './verbs/guest.ts';
import { hostNow } from './verbs/host.ts';
import { beforeMaking } from './verbs/making.ts';
import { lacksOf, supportedBy } from './verbs/supported.ts';

const DAY_MS = 86_400_000;
/** A host that has gone is to be seen to have gone; one whose link hiccups is back sooner than this. */
const RESUME_S = 30;

/**
 * Start an agent; resolves when its guests were read, or could not be. The server is waited for.
 *
 * @param hypervisor the driver, where it is not to be made of what the configuration says
 * @returns what stops it
 */
export async function startAgent(
  config: AgentConfig,
  log: Logger,
  hypervisor?: HypervisorDriver,
): Promise<() => Promise<void>> {
  const version = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version;
  const now = Date.now;
  const newId = randomUUID;
  const onBug = (error: unknown, id = 'none'): void => log.error({ err: error, id }, 'fault of the agent');
  mkdirSync(config.state, { recursive: true, mode: 0o700 });

  const driver = hypervisor ?? (await driverFor(config, log));
  const inventory = hostInventory({ driver, host: config.host, clock: systemClock, log, onBug });
  const health = healthKeeper(config.host, config.state, now);
  const database = openDatabase(join(config.state, 'agent.sqlite'));
  const factsOf = factsBy({ driver, inventory });
  const journal = agentJournal({ database, factsOf, now, onBug });
  const jobs = jobRunner({ table: jobTable(database), now, onBug });
  const kept = settings(database);
  const epoch = nextEpoch(kept, now());
  const entity = entityOf(config, log, onBug);
  const nets = realised(config, { driver, run, settings: kept, clock: systemClock, log, onBug });
  const rules = authority(config, { entity, settings: kept, log, onBug });
  const { may, isCentral } = rules;
  const { host, central, limits, consoleBytes: keepBytes } = config;
  const send = consoleDelivery(entity);
  const marks = consoleMarks(kept);
  const consoles = consoleKeeper({ driver, inventory, marks, keepBytes, clock: systemClock, log, send });
  const probes = probesOf(config, nets, { driver, inventory, consoles, onBug });
  const handlers = agentHandlers({
    ...{ config, driver, inventory, consoles, health, jobs, journal, may, version, now, host, log, probing: probes },
    ...nets,
    serverTimeMs: () => serverTimeMs(entity),
  });
  const [supports, lacks] = [supportedBy(driver, nets.networks, nets.volumes !== undefined), lacksOf(driver)];
  const { registry, measured } = programMetrics(agentVerbs, () => entity.isOnline, jobs);
  hostMetrics(registry, inventory);
  const perform = measured(
    performer<AgentVerbs>({
      ...{ table: agentVerbs, handlers, may, supports, journal, jobs, onBug, now, newId, limits, changesGoOn: true },
      audit: journal.audit,
      ...{ questions: guestQuestions({ inventory }), beforeJobs: beforeMaking({ inventory, host }) },
      here: { driver: driver.kind, host },
    }),
  );
  const { offer, open } = agentOffer({ perform, may, supports, isCentral, inventory, jobs, host });
  const identity = { category: 'automation', type: 'skerry-agent', name: host };
  serveCommands({ entity, offer, now, newId });
  serveChat({ entity, offer, onJob: jobs.onJob, now, newId, onBug });
  serveDisco({ entity, offer, identity });
  serveAbout(entity, { name: 'Skerry agent', version, now });
  dropWatchers(entity, consoles, rules);
  const presence = servePresence({ entity, inventory, identity, may, onBug });
  if (central) serveProbes({ entity, central, probing: probes, log });
  if (central) serveColdStarts({ entity, central, settings: kept });
  if (central) nets.serve(entity, central);
  const boot = bootMark();
  const told = { boot, hostNow: (): Host => hostNow({ config, driver, inventory, version }), ...nets.reported };
  const reports = central && serveReports({ entity, central, epoch, inventory, jobs, onBug, lacks, ...told });

  const endMetrics = config.metrics && (await serveMetrics(registry, config.metrics, onBug));
  await nets.start();
  await inventory.start();
  consoles.start();
  let endColdStart = (): void => {};
  const begun = whenUp(inventory, async () => {
    await recover({ journal, factsOf, now, log });
    open();
    jobs.resume(agentVerbs, handlers);
    if (central)
      endColdStart = coldStart({
        ...{ entity, central, settings: kept, host, inventory, perform, log, onBug, probing: probes, ...nets },
        ...{ bootMark: boot, clock: systemClock, onJob: jobs.onJob },
      });
  });
  begun.catch(onBug);
  const endPruning = pruning(journal, config.keepDays);
  await connected(entity, log);

  return async () => {
    endPruning();
    endColdStart();
    if (endMetrics) await endMetrics();
    presence.stop();
    rules.stop();
    if (reports) await reports.stop();
    await jobs.stop();
    await entity.stop();
    probes.stop();
    await consoles.stop();
    await inventory.stop();
    await nets.stop();
    health.stop();
    await driver.close();
    journal.flush();
    database.close();
  };
}

/** Once a day, what ended long ago is forgotten. Returns what ends that. */
function pruning(journal: Pick<AgentJournal, 'prune'>, keepDays: number): () => void {
  const prune = (): void => journal.prune(new Date(Date.now() - keepDays * DAY_MS).toISOString());
  prune();
  const timer = setInterval(prune, DAY_MS);
  return () => clearInterval(timer);
}

function probesOf(
  { host, ca, probes }: AgentConfig,
  { networks, keeper }: Pick<Networking, 'networks' | 'keeper'>,
  deps: Pick<ProbingDeps, 'driver' | 'inventory' | 'consoles' | 'onBug'>,
): Probing {
  const trust = ca ? { ca: textOf(ca) } : {};
  const from = lookers({
    ...{ host, startSession, clock: steadyClock, ...trust },
    legOn: (network) => keeper.wanted.looks.find((look) => look.network === network),
    enterLook: networks.enterLook,
  });
  return probing({ ...{ ...deps, host, run, commands: probes.commands, clock: steadyClock, lookers: from }, ...trust });
}

const entityOf = (config: AgentConfig, log: Logger, onBug: (error: unknown) => void): Entity =>
  xmppClient({
    jid: config.jid,
    password: readPassword(config),
    resource: 'agent',
    resumeS: RESUME_S,
    service: config.service,
    ...(config.ca ? { ca: textOf(config.ca) } : {}),
    log,
    onBug,
  });

/** Do it when the hypervisor has answered for the first time. */
async function whenUp(inventory: Inventory, work: () => Promise<void>): Promise<void> {
  if (inventory.state !== 'up') {
    const { promise, resolve } = Promise.withResolvers<void>();
    const off = inventory.onState((state) => state === 'up' && resolve());
    await promise;
    off();
  }
  await work();
}

/** A server that is away is waited for; one that refuses us is told of, and asked again, since it may be mended. */
async function connected(entity: Entity, log: Logger): Promise<void> {
  entity.start().catch((error) => log.error({ problem: messageOf(error) }, 'the server does not take us'));
}
