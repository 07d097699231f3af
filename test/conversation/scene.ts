import { Failure } from '#shared/errors.ts';
import type { Guest } from '#shared/model/guest.ts';
import type { Job } from '#shared/model/job.ts';
import type { Questions } from '#shared/verb/confirm.ts';
import type { Handlers } from '#shared/verb/handlers.ts';
import type { JobListener, Offer } from '#shared/verb/offer.ts';
import { type Journal, performer, type Recorded } from '#shared/verb/perform.ts';
import { mayBy, Policy } from '#shared/verb/policy.ts';
import type { AuditRecord, Call } from '#shared/verb/request.ts';
import { type AgentVerbs, agentVerbs } from '#shared/verbs/agent.ts';
import { serveAbout } from '#shared/xmpp/about.ts';
import { serveChat } from '#shared/xmpp/chat.ts';
import { serveCommands } from '#shared/xmpp/commands.ts';
import { serveDisco } from '#shared/xmpp/disco.ts';
import { guestOf } from '#test/unit/support/guest.ts';
import { FakeEntity } from './peer.ts';

export const IDENTITY = { category: 'automation', type: 'skerry-agent', name: 'host1' };

type SceneHandler = (args: never, call: Call) => Promise<unknown>;

/** An agent without a hypervisor: real surfaces, real perform, handlers that count what they do. */
export function scene(
  options: {
    guests?: string[];
    handlers?: Record<string, SceneHandler>;
    lacks?: string[];
    questions?: Questions<AgentVerbs>;
    /** Bare JID of who may ask on behalf of others. */
    central?: string;
  } = {},
) {
  const entity = new FakeEntity();
  const effects: string[] = [];
  const audit: AuditRecord[] = [];
  const guests = new Map((options.guests ?? ['venti', 'fossil']).map((name) => [name, guestOf(name)]));
  const clock = { now: 1_800_000_000_000 };
  let ids = 0;
  const journal = memoryJournal(audit);
  const listeners = new Set<JobListener>();
  const jobs = new Map<string, Job>();
  const find = (name: string): Guest => {
    const guest = guests.get(name);
    if (!guest) throw new Failure('guest-not-found', { guest: name, host: 'host1' });
    return guest;
  };
  const acting =
    (verb: string) =>
    async (args: { guest: string }): Promise<Guest> => {
      const guest = find(args.guest);
      effects.push(`${verb} ${guest.name}`);
      return guest;
    };
  const none = async (): Promise<never> => {
    throw new Failure('verb-unsupported', { driver: 'scene', host: 'host1', verb: 'this' });
  };
  const known: Record<string, SceneHandler> = {
    'guest.list': async () => [...guests.values()],
    'guest.info': async ({ guest }: { guest: string }) => find(guest),
    'guest.start': async (args: { guest: string }) => {
      if (find(args.guest).state === 'running')
        throw new Failure('guest-wrong-state', {
          guest: args.guest,
          state: 'running',
          needed: 'shutoff',
          verb: 'guest.start',
        });
      guests.set(args.guest, { ...find(args.guest), state: 'running' });
      return acting('start')(args);
    },
    'guest.poweroff': acting('poweroff'),
    'guest.reboot': acting('reboot'),
    'guest.shutdown': acting('shutdown'),
    'guest.definition': async ({ guest }: { guest: string }) => ({ name: find(guest).name, definition: '<a>\n</a>' }),
  };
  const calls: { verb: string; args: unknown; call: Call }[] = [];
  const handlers = Object.fromEntries(
    Object.keys(agentVerbs).map((verb) => {
      const handler = { ...known, ...options.handlers }[verb] ?? none;
      const counted = async (args: never, call: Call): Promise<unknown> => {
        calls.push({ verb, args, call });
        return handler(args, call);
      };
      return [verb, counted];
    }),
  ) as unknown as Handlers<AgentVerbs>;
  const policy = Policy.parse({
    grants: [
      { role: 'admin', jid: 'admin@skerry.test' },
      { role: 'operator', jid: 'op@skerry.test' },
      { role: 'viewer', jid: 'viewer@skerry.test' },
      { role: 'operator', jid: 'half@skerry.test', guests: ['venti'] },
    ],
  });
  const may = mayBy(policy, agentVerbs);
  const supports = (verb: string): boolean => !options.lacks?.includes(verb);
  const finish: { ends: (job: Job) => void } = {
    ends: (job) => {
      for (const listener of listeners)
        listener(job, { requester: { bareJid: job.requester, fullJid: `${job.requester}/x` }, surface: 'chat' });
    },
  };
  const perform = performer({
    table: agentVerbs,
    handlers,
    may,
    supports,
    journal,
    ...(options.questions ? { questions: options.questions } : {}),
    jobs: {
      start: (call: Call, _row, args, run) => {
        const id = String(jobs.size + 1);
        const job: Job = {
          id,
          verb: call.verb,
          target: (args as { guest: string }).guest,
          state: 'running',
          progress: 'begun',
          requester: call.requester.bareJid,
          startedAt: new Date(clock.now).toISOString(),
        };
        jobs.set(id, job);
        void run(call);
        return job;
      },
      find: (id) => jobs.get(id),
    },
    audit: (record) => audit.push(record),
    onBug: (error) => entity.bugs.push(error),
    now: () => clock.now,
    newId: () => `id-${++ids}`,
    here: { driver: 'scene', host: 'host1' },
    limits: { underWay: 100, underWayEach: 20 },
  });
  const offer: Offer = {
    table: agentVerbs,
    perform,
    may: (requester, verb, target) => supports(verb) && may(requester, verb, target),
    ...(options.central ? { speaksForOthers: (bareJid: string) => bareJid === options.central } : {}),
    choices: (kind) => (kind === 'guest' ? [...guests.keys()].toSorted() : []),
  };
  const deps = {
    entity,
    offer,
    now: () => clock.now,
    newId: () => `id-${++ids}`,
    onBug: (error: unknown) => entity.bugs.push(error),
  };
  const { sessions } = serveCommands(deps);
  serveChat({
    ...deps,
    onJob: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  });
  serveDisco({ entity, offer, identity: IDENTITY });
  serveAbout(entity, { name: 'Skerry agent', version: '0.1.0', now: () => clock.now });
  return { entity, effects, calls, audit, guests, clock, sessions, jobs, finish, perform };
}

function memoryJournal(audit: AuditRecord[]): Journal {
  const entries = new Map<string, { asked: string; recorded?: Recorded }>();
  const superseded = new Set<string>();
  const keyOf = (request: { requester: { bareJid: string }; operation: string }): string =>
    `${request.requester.bareJid} ${request.operation}`;
  return {
    find: (request, args) => {
      const { operation } = request;
      if (superseded.has(keyOf(request)))
        return { outcome: 'failed', code: 'operation-superseded', details: { operation } };
      const entry = entries.get(keyOf(request));
      if (entry && entry.asked !== JSON.stringify([request.verb, args]))
        throw new Failure('operation-mismatch', { operation: request.operation });
      return entry?.recorded;
    },
    supersede: ({ requester }, operations) => {
      for (const operation of operations) superseded.add(keyOf({ requester, operation }));
    },
    begin: async (request, args) => void entries.set(keyOf(request), { asked: JSON.stringify([request.verb, args]) }),
    end: (request, recorded, record) => {
      const entry = entries.get(keyOf(request));
      if (entry) entry.recorded = recorded;
      audit.push(record);
    },
  };
}
