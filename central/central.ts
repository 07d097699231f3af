import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { systemClock } from '#shared/clock.ts';
import { ejabberdApi } from '#shared/ejabberd/api.ts';
import { messageOf } from '#shared/errors.ts';
import { serveMetrics } from '#shared/metrics/endpoint.ts';
import { programMetrics } from '#shared/metrics/program.ts';
import type { Outcome } from '#shared/model/job.ts';
import { performer } from '#shared/verb/perform.ts';
import type { AuditRecord, Perform } from '#shared/verb/request.ts';
import { type CentralVerbs, centralVerbs } from '#shared/verbs/central.ts';
import { xmppComponent } from '#shared/xmpp/connection/component.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { bareOf } from '#shared/xmpp/jid.ts';
import { serveJoins } from '#shared/xmpp/join.ts';
import { serveReports } from '#shared/xmpp/report.ts';
import { agentCaller } from './agents/caller.ts';
import { type JobFeed, jobFeed } from './agents/job-feed.ts';
import { siteChains } from './chains/chains.ts';
import { type CentralConfig, readSecret, siteDomain } from './config.ts';
import { enrolment } from './enrolment/enrolment.ts';
import { serveEvents } from './events/events.ts';
import { centralHandlers } from './handlers.ts';
import type { Site } from './inventory/site.ts';
import { type Kept, openKept } from './kept.ts';
import { siteMetrics } from './metrics.ts';
import { type Moving, type MovingDeps, siteMoving } from './moving/moving.ts';
import { siteNetworks } from './networks/networks.ts';
import { maySite, offersOf } from './offers.ts';
import { pictures } from './pictures/pictures.ts';
import { FONTS, renderer } from './pictures/render.ts';
import { servePresences } from './presences.ts';
import { type FollowedRooms, followRooms } from './roles/follow-rooms.ts';
import { doers } from './room/doers.ts';
import { serveRoom } from './room/room.ts';
import { scheduleRunner } from './schedules/runner.ts';
import { scheduleStore } from './schedules/store.ts';
import { serveSurfaces } from './surfaces.ts';
import { beforeChainJobs, chainQuestions } from './verbs/chain.ts';
import { siteQuestions } from './verbs/questions.ts';

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

/** Start central; resolves when it has read what it keeps. The server is waited for. @returns what stops it */
export async function startCentral(config: CentralConfig, log: Logger): Promise<() => Promise<void>> {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  const now = Date.now;
  const newId = randomUUID;
  const onBug = (error: unknown, id = 'none'): void => log.error({ err: error, id }, 'fault of central');
  mkdirSync(config.state, { recursive: true, mode: 0o700 });

  const kept = await openKept(config, now, onBug);
  const { site, jobs, journal, trail, policies, writer } = kept;
  const secret = readSecret(config);
  const entity = xmppComponent({ domain: config.jid, secret, service: config.service, log, onBug });
  const may = maySite(site, policies.may);
  const feed = jobFeed();
  const told = doers(systemClock);
  const api = config.ejabberd && ejabberdApi(config.ejabberd);
  const hosts = enrolmentOf(kept, api, siteDomain(config.jid), config.join);
  const rooms = followRooms({ entity, lists: kept.rooms, policies, clock: systemClock, log, onBug });
  const presences = servePresences({ entity, kept, may, settled: rooms.settled, api, log, onBug });
  const performNow: Perform = (request) => perform(request);
  const schedules = scheduleRunner({
    loaded: kept.schedules,
    store: scheduleStore(writer),
    perform: performNow,
    jobs,
    clock: systemClock,
    onBug,
  });
  const networks = await siteNetworks(kept, { entity, macs: config.macs, mesh: config.mesh, log, onBug });
  const chains = await siteChains({ entity, kept, may, feed, networks, log, onBug });
  const moving = movingOf(kept, { entity, log, onBug });
  const contactDeps = { followers: kept.followed, rosters: () => presences.rosters };
  const handlers = centralHandlers({
    ...{ site, jobs, may, entity, feed, hosts, contactDeps, policies, schedules, trail, backups: kept.backups, chains },
    ...{ networks, secret, doers: told, moving, together: journal.together, perform: performNow },
    rooms: { own: config.room, state: kept.rooms.state, look: rooms.look },
  });
  const { registry, measured } = programMetrics(centralVerbs, () => entity.isOnline, jobs);
  siteMetrics(registry, site);
  const endMetrics = config.metrics && (await serveMetrics(registry, config.metrics, onBug));
  const performed = performer<CentralVerbs>({
    ...{ table: centralVerbs, handlers, may, journal, jobs, onBug, now, newId },
    supports: () => true,
    questions: { ...siteQuestions({ site, may, table: centralVerbs, networks }), ...chainQuestions(chains.book) },
    beforeJobs: beforeChainJobs(chains.book),
    audit: trail.add,
    here: { driver: 'site', host: config.jid },
    limits: config.limits,
  });
  const perform = measured(afterSettled(rooms, performed));
  const offer = offersOf({
    ...{ site, table: centralVerbs, perform, may, jobs },
    chains: () => chains.book.list().map(({ stored }) => stored.name),
    networks: () => networks.state,
  });

  takeReports(entity, site, feed);
  serveJoins(entity, hosts.join);
  const publish = config.upload && pictures({ entity, render: renderer(FONTS, log), upload: config.upload });
  const endSurfaces = serveSurfaces({ entity, site, offer, may, jobs, publish, version, now, newId, onBug });
  const room =
    config.room &&
    serveRoom({
      ...{ entity, room: config.room, site, doers: told, newId, log, onBug },
      offer: offer(entity.bareJid),
      owners: administrators(config),
      publish,
      onJob: jobs.onJob,
      onRun: (listener) => chains.runs.onStep(listener),
      clock: systemClock,
    });
  const events =
    config.events &&
    serveEvents({ ...{ entity, site, policies, log }, service: config.events, onJob: jobs.onJob, clock: systemClock });
  jobs.resume(centralVerbs, handlers);
  moving.endLeft();
  const endChores = chores(kept, hosts, config.keepDays, onBug);
  // What a run asks of a host goes by the server: before it is there, nothing is due.
  const connected = entity.start().then(schedules.start);
  connected.catch((error) => log.error({ problem: messageOf(error) }, 'the server does not take us'));

  return async () => {
    moving.stop();
    endChores();
    if (endMetrics) await endMetrics();
    schedules.stop();
    chains.stop();
    networks.stop();
    presences.stop();
    rooms.stop();
    if (room) room.stop();
    if (events) events.stop();
    endSurfaces();
    await jobs.stop();
    await entity.stop();
    await kept.close();
  };
}

/** Whoever was put out of a room while central was away is let nothing by what was known before. */
const afterSettled =
  ({ settled }: FollowedRooms, perform: Perform): Perform =>
  async (request) => {
    await settled();
    return perform(request);
  };

/** Those whom the configuration makes administrators of everything, by their own JIDs. */
const administrators = ({ policy }: CentralConfig): string[] =>
  policy.grants.flatMap(({ role, jid, guests, hosts, tags }) =>
    role === 'admin' && jid?.includes('@') && !(guests ?? hosts ?? tags) ? [bareOf(jid)] : [],
  );

function takeReports(entity: Entity, site: Site, feed: JobFeed): void {
  serveReports(entity, async (from, report) => {
    await site.take(from, report);
    const host = site.hostByJid(from);
    if (host) feed.heard(host.name, report.jobs);
  });
}

const enrolmentOf = ({ database, writer, site, trail }: Kept, api: Api, domain: string, join: CentralConfig['join']) =>
  enrolment({
    ...{ database, writer, site, api, domain, join },
    now: Date.now,
    audit: (host, jid, outcome) => trail.add(joinRecord(host, jid, outcome, Date.now())),
    audited: (host, jid, outcome) => (transaction) =>
      trail.append(transaction, joinRecord(host, jid, outcome, Date.now())),
  });
type Api = ReturnType<typeof ejabberdApi> | undefined;

const movingOf = (
  { site, moves: book }: Kept,
  { entity, ...deps }: Pick<MovingDeps, 'log' | 'onBug'> & { entity: Entity },
): Moving =>
  siteMoving({ ...deps, site, book, ask: agentCaller({ entity, clock: systemClock, site }), clock: systemClock });

/** What is done from time to time. Returns what ends it. */
function chores(
  { journal }: Kept,
  hosts: Pick<ReturnType<typeof enrolment>, 'sweep'>,
  keepDays: number,
  onBug: (error: unknown) => void,
): () => void {
  const prune = (): void => {
    journal.prune(new Date(Date.now() - keepDays * DAY_MS).toISOString()).catch(onBug);
  };
  prune();
  const pruning = setInterval(prune, DAY_MS);
  const sweeping = setInterval(() => void hosts.sweep().catch(onBug), MINUTE_MS);
  return () => {
    clearInterval(pruning);
    clearInterval(sweeping);
  };
}

/** What a host did by itself, in the trail beside what people do. */
const joinRecord = (host: string, jid: string, outcome: Outcome, at: number): AuditRecord => ({
  at: new Date(at).toISOString(),
  verb: 'host.join',
  requester: { bareJid: jid, fullJid: jid },
  surface: 'central',
  operation: '',
  args: { host },
  outcome,
  tookMs: 0,
});
