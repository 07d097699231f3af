import { Failure } from '#shared/errors.ts';
import type { Reply } from './command-element.ts';
import type { Submitted } from './forms.ts';
import { bareOf, normalised } from './jid.ts';

/** One command under way: XEP-0050 section 3.3. It belongs to the full JID that began it. */
export interface Session {
  readonly id: string;
  readonly owner: string;
  readonly node: string;
  /** The id that its form carries: a new one each time that it is asked again, since the answers may be others. */
  operation: string;
  /** What it waits for: the arguments, or the answer to the second question. */
  stage: 'arguments' | 'confirm';
  /** What was filled in at the first stage. */
  submitted: Submitted;
  /** What it may do, at the second stage. */
  question: string;
  touchedAt: number;
  /** What is being carried out, and the submit that made it so. */
  running?: { submit: string; answer: Promise<Reply> };
}

const IDLE_MS_MAX = 600_000;
const EACH_MAX = 20;
const ALL_MAX = 2_000;
const ENDED_MAX = 2_000;

/** Sessions of commands: bounded in number, for each account and in all, and ended when left for ten minutes. */
export function commandSessions(now: () => number, newId: () => string) {
  /** The one that was used longest ago stands first. */
  const open = new Map<string, Session>();
  /** Ids that are over, to tell "ended" from "never was". */
  const ended = new Map<string, string>();

  const close = (session: Session): void => {
    if (!open.delete(session.id)) return;
    ended.set(session.id, session.owner);
    const [oldest] = ended.keys();
    if (ended.size > ENDED_MAX && oldest !== undefined) ended.delete(oldest);
  };
  const expire = (): void => {
    for (const session of open.values()) {
      if (now() - session.touchedAt <= IDLE_MS_MAX) break;
      close(session);
    }
  };

  return {
    get size(): number {
      return open.size;
    },
    /** @throws Failure too-busy */
    begin(fullJid: string, node: string): Session {
      expire();
      const own = open
        .values()
        .filter((session) => bareOf(session.owner) === bareOf(fullJid))
        .toArray();
      // Whoever opens forms and never ends them pushes out their own oldest one, and nobody else's.
      if (own.length >= EACH_MAX && own[0]) close(own[0]);
      if (open.size >= ALL_MAX) throw new Failure('too-busy', { problem: `${ALL_MAX} forms are open here` });
      const session: Session = {
        id: newId(),
        owner: normalised(fullJid),
        node,
        operation: newId(),
        stage: 'arguments',
        submitted: new Map(),
        question: '',
        touchedAt: now(),
      };
      open.set(session.id, session);
      return session;
    },
    /** @throws Failure bad-sessionid (never was, somebody else's, another command's), session-expired */
    take(id: string, fullJid: string, node: string): Session {
      expire();
      const owner = normalised(fullJid);
      const session = open.get(id);
      if (session?.owner === owner && session.node === node) {
        session.touchedAt = now();
        open.delete(id);
        open.set(id, session);
        return session;
      }
      if (!session && ended.get(id) === owner) throw new Failure('session-expired');
      throw new Failure('bad-sessionid');
    },
    close,
  };
}
export type CommandSessions = ReturnType<typeof commandSessions>;
