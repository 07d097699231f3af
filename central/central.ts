import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { systemClock } from '#shared/clock.ts';
import { ejabberdApi } from '#shared/ejabberd/api.ts';
import { messageOf } from '#shared/errors.ts';
import type { Outcome } from '#shared/model/job.ts';
import type { Handlers } from '#shared/verb/handlers.ts';
import { jobHandlers } from '#shared/verb/job-handlers.ts';
import { type JobRunner, jobRunner } from '#shared/verb/job-runner.ts';
import { performer } from '#shared/verb/perform.ts';
import type { AuditRecord, Perform } from '#shared/verb/request.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';
import { type CentralVerbs, centralVerbs } from '#shared/verbs/central.ts';
import { passedGuestVerbs } from '#shared/verbs/fleet.ts';
import { serveAbout } from '#shared/xmpp/about.ts';
import { serveChat } from '#shared/xmpp/chat.ts';
import { serveCommands } from '#shared/xmpp/commands.ts';
import { xmppComponent } from '#shared/xmpp/connection/component.ts';
import { serveDisco } from '#shared/xmpp/disco.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { localpartOf } from '#shared/xmpp/jid.ts';
import { serveJoins } from '#shared/xmpp/join.ts';
import { serveReports } from '#shared/xmpp/report.ts';
import { agentCaller } from './agents/caller.ts';
import { type JobFeed, jobFeed } from './agents/job-feed.ts';
import { vigil } from './agents/vigil.ts';
import { type AuditTrail, auditTrail } from './audit/trail.ts';
import { type CentralConfig, readSecret, siteDomain } from './config.ts';
import { followers } from './contacts/followers.ts';
import { GUEST_IDENTITY, serveContacts } from './contacts/presence.ts';
import { type Rosters, serveRosters } from './contacts/rosters.ts';
import { subscriptions } from './contacts/subscriptions.ts';
import { serveVcards } from './contacts/vcard.ts';
import { openDatabase } from './database/open.ts';
import { groupWriter } from './database/writer.ts';
import { type Enrolment, enrolment } from './enrolment/enrolment.ts';
import { Site } from './inventory/site.ts';
import { inventoryStore, loadInventory } from './inventory/store.ts';
import { centralJobTable } from './journal/job-table.ts';
import { centralJournal } from './journal/journal.ts';
import { maySite, offersOf } from './offers.ts';
import { type PolicyStore, policyStore } from './roles/policy-store.ts';
import { replicatePolicy } from './roles/replicate.ts';
import { type ScheduleRunner, scheduleRunner } from './schedules/runner.ts';
import { loadSchedules, scheduleStore } from './schedules/store.ts';
import { auditHandlers } from './verbs/audit.ts';
import { type ContactDeps, contactHandlers } from './verbs/contact.ts';
import { enrolmentHandlers } from './verbs/enrolment.ts';
import { fleetHandlers } from './verbs/fleet.ts';
import { passedHandlers } from './verbs/passed.ts';
import { roleHandlers } from './verbs/role.ts';
import { scheduleHandlers } from './verbs/schedule.ts';
import { placedHandlers, siteGuestHandlers, siteHostHandlers } from './verbs/site.ts';

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
  const { site, jobs, journal, trail, database, writer } = kept;
  for (const name of config.hosts)
    if (!site.findHost(name)) await site.enrol(name, `${name}@${siteDomain(config.jid)}`);
  const entity = xmppComponent({ domain: config.jid, secret: readSecret(config), service: config.service, log, onBug });
  const policies = await policyStore({
    database,
    writer,
    configured: config.policy,
    table: centralVerbs,
    alsoKnown: agentVerbs,
    now,
  });
  const may = maySite(site, policies.may);
  const feed = jobFeed();
  const api = config.ejabberd && ejabberdApi(config.ejabberd);
  const hosts = enrolment({
    database,
    writer,
    site,
    api,
    domain: siteDomain(config.jid),
    now,
    audit: (host, jid, outcome) => trail.add(joinRecord(host, jid, outcome, now())),
  });
  let rosters: Rosters | undefined;
  const watchers = await subscriptions(database, writer);
  const followed = await followers(database, writer, config.rosters);
  const contactDeps = { followers: followed, rosters: () => rosters };
  const schedules = scheduleRunner({
    loaded: await loadSchedules(database),
    store: scheduleStore(writer),
    perform: (request) => perform(request),
    clock: systemClock,
    onBug,
  });
  const handlers = centralHandlers({
    site,
    jobs,
    may,
    entity,
    feed,
    hosts,
    contactDeps,
    policies,
    schedules,
    trail,
    perform: (request) => perform(request),
  });
  const perform: Perform = performer<CentralVerbs>({
    table: centralVerbs,
    handlers,
    may,
    supports: () => true,
    journal,
    jobs,
    audit: trail.add,
    onBug,
    now,
    newId,
    here: { driver: 'site', host: config.jid },
    limits: config.limits,
  });
  const offer = offersOf({ site, table: centralVerbs, perform, may, jobs });
  const identity = { category: 'automation', type: 'skerry-central', name: 'Skerry' };

  serveReports(entity, async (from, report) => {
    await site.take(from, report);
    const host = site.hostByJid(from);
    if (host) feed.heard(host.name, report.jobs);
  });
  serveJoins(entity, hosts.join);
  serveVcards(entity, site, may);
  serveCommands({ entity, offer, now, newId });
  const endChat = serveChat({ entity, offer, onJob: jobs.onJob, now, newId, onBug });
  serveDisco({
    entity,
    offer,
    identity: (to) => (localpartOf(to) === '' ? identity : GUEST_IDENTITY),
    itemsAt: (to, requester) => (localpartOf(to) === '' ? guestItems(site, entity.bareJid, may, requester) : []),
  });
  serveAbout(entity, { name: 'Skerry central', version, now });
  const watch = vigil({ entity, site, clock: systemClock, onBug });
  const contacts = serveContacts({
    entity,
    site,
    subscriptions: watchers,
    may,
    identity,
    onOwnPresence: watch.onPresence,
    onBug,
  });
  rosters =
    api &&
    serveRosters({
      entity,
      api,
      site,
      subscriptions: watchers,
      may,
      people: followed.all,
      greet: contacts.greet,
      log,
    });
  const replication = replicatePolicy({ entity, site, policies, clock: systemClock, onBug });
  policies.onChange(() => {
    void rosters?.sync();
    contacts.recheck();
  });
  jobs.resume(centralVerbs, handlers);
  const sweeping = setInterval(() => void hosts.sweep().catch(onBug), MINUTE_MS);
  const prune = (): void => void journal.prune(new Date(now() - config.keepDays * DAY_MS).toISOString()).catch(onBug);
  prune();
  const pruning = setInterval(prune, DAY_MS);
  // What a run asks of a host goes by the server: before it is there, nothing is due.
  const connected = entity.start().then(schedules.start);
  connected.catch((error) => log.error({ problem: messageOf(error) }, 'the server does not take us'));

  return async () => {
    clearInterval(pruning);
    clearInterval(sweeping);
    schedules.stop();
    watch.stop();
    replication.stop();
    contacts.stop();
    rosters?.stop();
    endChat();
    await jobs.stop();
    await entity.stop();
    await kept.close();
  };
}

/** All that outlives the process. */
async function openKept(config: CentralConfig, now: () => number, onBug: (error: unknown) => void) {
  const database = await openDatabase(config.database ?? join(config.state, 'central.sqlite'), onBug);
  const writer = groupWriter(database);
  const trail = auditTrail(database, writer, onBug);
  const site = new Site({ loaded: await loadInventory(database), store: inventoryStore(writer), now, onBug });
  const journal = centralJournal(database, writer, trail, now, onBug);
  const jobs = jobRunner({ table: await centralJobTable(database, writer, trail), now, onBug });
  return {
    database,
    writer,
    trail,
    site,
    journal,
    jobs,
    close: async () => {
      await journal.flush();
      await trail.flush();
      await writer.settled();
      await database.destroy();
    },
  };
}

interface HandlerDeps {
  site: Site;
  policies: PolicyStore;
  jobs: JobRunner;
  may: ReturnType<typeof maySite>;
  entity: Entity;
  feed: JobFeed;
  hosts: Enrolment;
  contactDeps: ContactDeps;
  schedules: ScheduleRunner;
  trail: AuditTrail;
  perform: Perform;
}

function centralHandlers({
  site,
  jobs,
  may,
  entity,
  feed,
  hosts,
  contactDeps,
  policies,
  schedules,
  trail,
  perform,
}: HandlerDeps): Handlers<CentralVerbs> {
  const ask = agentCaller({ entity, clock: systemClock });
  const deps = { site, ask, may };
  return {
    // The agent's answer is held to its row, which perform checks: no type is lost that was there.
    ...(passedHandlers({ site, ask, feed }, passedGuestVerbs) as unknown as Handlers<typeof passedGuestVerbs>),
    ...siteHostHandlers(deps),
    ...siteGuestHandlers(deps),
    ...placedHandlers(deps),
    ...enrolmentHandlers(hosts),
    ...contactHandlers(contactDeps),
    ...fleetHandlers({ site, may, table: centralVerbs, perform }),
    ...jobHandlers({ jobs, may }),
    ...roleHandlers({ policies, site, table: centralVerbs }),
    ...scheduleHandlers({ runner: schedules, may, table: centralVerbs, now: Date.now }),
    ...auditHandlers({ trail, table: centralVerbs }),
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

const ITEMS_MAX = 500;

const guestItems = (
  site: Site,
  domain: string,
  may: ReturnType<typeof maySite>,
  requester: Parameters<ReturnType<typeof maySite>>[0],
) =>
  site
    .guests()
    .filter(({ contact }) => may(requester, 'guest.info', { guest: contact }))
    .slice(0, ITEMS_MAX)
    .map(({ contact, host }) => ({ jid: `${contact}@${domain}/${host.name}`, name: contact }));
