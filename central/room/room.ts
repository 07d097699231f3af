/**
 * Responsibilities: the room where people hear what happens at the site, and tell central what to do.
 *
 * Theory of operation: changes of the inventory and ends of jobs are gathered (bursts.ts) and told a line each. What is addressed to
 * central, `skerry: guest list`, is read and carried out as in chat, for the person behind the nick, whose address the room tells; the
 * answer goes to the room, or to that person alone where it is long.
 *
 * What can go wrong: somebody takes another's nick. A nick is nobody: permission and codes go by the address.
 */
import { createHash } from 'node:crypto';
import type { RunListener } from '#central/chains/runs.ts';
import { runTeller } from '#central/chains/telling.ts';
import type { Site } from '#central/inventory/site.ts';
import type { Clock } from '#shared/clock.ts';
import { Failure } from '#shared/errors.ts';
import type { JobListener, Offer } from '#shared/verb/offer.ts';
import { reply, tableFor, understand } from '#shared/xmpp/chat.ts';
import { chatBounds } from '#shared/xmpp/chat-bounds.ts';
import { chatCodes } from '#shared/xmpp/chat-codes.ts';
import { jobLine } from '#shared/xmpp/chat-jobs.ts';
import type { Said } from '#shared/xmpp/chat-message.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { bareOf } from '#shared/xmpp/jid.ts';
import { type Publish, type Shown, shownOf } from '#shared/xmpp/picture.ts';
import { bursts } from './bursts.ts';
import type { Doers } from './doers.ts';
import { eventOf } from './events.ts';
import { muc } from './muc.ts';

export interface RoomDeps {
  entity: Entity;
  room: string;
  /** Bare JIDs of those who own the room, where central makes it. */
  owners: readonly string[];
  /** Who had what done, by central. */
  doers: Pick<Doers, 'of'>;
  site: Site;
  offer: Offer;
  onJob(listener: JobListener): () => void;
  /** Told of each step of a run of a chain. */
  onRun(listener: RunListener): () => void;
  /** Without it, pictures are told as text. */
  publish?: Publish | undefined;
  clock: Clock;
  newId(): string;
  log: Record<'info' | 'warn', (fields: object, message: string) => void>;
  onBug(error: unknown): void;
}

const NICK = 'skerry';
const ADDRESSED = /^skerry\s*[:,]\s*/i;
/** Longer answers go to who asked alone. */
const LINES_MAX = 12;
/** So many lines are told of what happened at one moment; the rest is counted. */
const TOLD_MAX = 8;

export function serveRoom(deps: RoomDeps): { stop(): void } {
  const { entity, room, site, clock, onBug } = deps;
  const bounds = chatBounds(clock.now);
  const answer = answerer(deps);
  const inRoom = muc({
    ...{ entity, room, clock, onBug, nick: NICK, owners: deps.owners, log: deps.log },
    said: (nick, jid, body, id) => {
      if (!ADDRESSED.test(body) || bounds.admit(bareOf(jid)) !== 'go') return;
      answer(nick, jid, body.replace(ADDRESSED, ''), id).then((shown) => {
        if ('url' in shown) return inRoom.show(shown.url);
        const { text } = shown;
        if (text.split('\n').length <= LINES_MAX) inRoom.say(`${nick}: ${text}`);
        else inRoom.whisper(nick, text);
      }, onBug);
    },
  });
  const gather = bursts(clock, (lines) => {
    const rest = lines.length - TOLD_MAX;
    inRoom.say([...lines.slice(0, TOLD_MAX), ...(rest > 0 ? [`… and ${rest} more changes`] : [])].join('\n'));
  });
  const tellRun = runTeller((line) => inRoom.say(line));
  const offs = [
    deps.onRun(({ graph }, before, { run }) => tellRun(graph, before, run)),
    site.onChange((change) => {
      const event = eventOf(change, deps.doers.of);
      if (event) gather.add(event);
    }),
    deps.onJob((job) => {
      // Runs of chains are told wave by wave.
      if (job.state !== 'running' && !job.verb.startsWith('chain.'))
        inRoom.say(`${jobLine(job)} · asked by ${job.requester}`);
    }),
  ];
  return {
    stop: () => {
      for (const off of offs) off();
      gather.stop();
      inRoom.stop();
    },
  };
}

type Answer = (nick: string, fullJid: string, body: string, id: string | undefined) => Promise<Shown>;

/** What is answered to somebody in the room. The same message again has the same operation id. */
function answerer({ room, offer, publish, clock, newId }: RoomDeps): Answer {
  const codes = chatCodes(clock.now);
  return async (nick, fullJid, body, id) => {
    const requester = { bareJid: bareOf(fullJid), fullJid };
    const table = tableFor(offer, requester);
    if (Object.keys(table).length === 0) return { text: `${requester.bareJid} has no role here.` };
    const spoken = understand(body, table, offer.table);
    if (spoken instanceof Failure) return { text: spoken.message };
    const text = JSON.stringify([room, fullJid, id, body]);
    const key = id ? createHash('sha256').update(text).digest('hex').slice(0, 32) : undefined;
    const said: Said = {
      ...{ body, to: `${room}/${nick}`, key, requester, thread: null },
      ...{ isCorrection: false, isLate: false, receiptFor: undefined },
    };
    return shownOf(await reply({ offer, newId }, codes, said, spoken, table), publish);
  };
}
