import { Failure } from '#shared/errors.ts';
import { normalised } from './jid.ts';

/** One command under way: XEP-0050 section 3. It belongs to the full JID that began it. */
export interface Session {
  readonly id: string;
  readonly owner: string;
  readonly node: string;
  readonly operation: string;
  /** What it waits for: the arguments, or the answer to the second question. */
  stage: 'arguments' | 'confirm';
  values: ReadonlyMap<string, readonly string[]>;
  touchedAt: number;
  /** A submit of this session is being carried out. */
  isBusy: boolean;
}

const IDLE_MS_MAX = 600_000;
const EACH_MAX = 20;
const ALL_MAX = 2_000;
const ENDED_MAX = 2_000;

/** Sessions of commands: bounded in number, for each JID and in all, and ended when left for ten minutes. */
export function commandSessions(now: () => number, newId: () => string) {
  const open = new Map<string, Session>();
  /** Ids that are over, to tell "ended" from "never was". */
  const ended = new Map<string, string>();

  const close = (session: Session): void => {
    open.delete(session.id);
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
    begin(owner: string, node: string): Session {
      expire();
      const own = [...open.values()].filter((session) => session.owner === normalised(owner));
      // Who opens forms and never ends them pushes out their own oldest one, and nobody else's.
      if (own.length >= EACH_MAX && own[0]) close(own[0]);
      if (open.size >= ALL_MAX) throw new Failure('too-busy', { problem: `${ALL_MAX} forms are open here` });
      const session: Session = {
        id: newId(),
        owner: normalised(owner),
        node,
        operation: newId(),
        stage: 'arguments',
        values: new Map(),
        touchedAt: now(),
        isBusy: false,
      };
      open.set(session.id, session);
      return session;
    },
    /** @throws Failure bad-sessionid (never was, somebody else's, another command's), session-expired */
    take(id: string, owner: string, node: string): Session {
      expire();
      const session = open.get(id);
      if (session && session.owner === normalised(owner) && session.node === node) {
        session.touchedAt = now();
        // The oldest stands first, so that expire may stop at the first that is young.
        open.delete(id);
        open.set(id, session);
        return session;
      }
      if (!session && ended.get(id) === normalised(owner)) throw new Failure('session-expired');
      throw new Failure('bad-sessionid');
    },
    close,
  };
}
export type CommandSessions = ReturnType<typeof commandSessions>;
