import type { Clock } from '#shared/clock.ts';
import type { Probe } from '#shared/model/probe.ts';
import { bareOf } from '#shared/xmpp/jid.ts';
import { type AvailabilityDeps, availability } from './availability.ts';

/** How a probe is, by central's clock. */
export interface Look {
  id: string;
  since: number;
  good: number;
  why?: string;
  placed: { good: number; from: number; at: number };
}

export interface PresenceLooksDeps extends Omit<AvailabilityDeps, 'heard'> {
  clock: Clock;
  answered(look: Look): void;
}

interface Looking {
  text: string;
  probe: Probe;
  jids: readonly string[];
  /** When the look under way began, and since when answers of each JID count; undefined: it is over. */
  begun: { at: number; since: readonly number[] } | undefined;
  good: number;
  from: number;
  callOff(): void;
}

/**
 * Look at presences again and again, as agents look at other things: a look is good when all (or any) of its JIDs are known to be available
 * since it began, and bad when they are not by the time of the next, or when one is told to be gone.
 */
export function presenceLooks(deps: PresenceLooksDeps): { replace(probes: readonly Probe[]): void; stop(): void } {
  const { entity, clock, answered } = deps;
  const lookings = new Map<string, Looking>();
  const known = availability({
    ...deps,
    heard: (bareJid) => {
      for (const each of lookings.values()) if (each.jids.some((jid) => bareOf(jid) === bareJid)) judge(each, false);
    },
  });

  const end = (looking: Looking, at: number, lack: string | undefined): void => {
    const { id, since } = looking.probe;
    looking.from = looking.good === 0 ? at : looking.from;
    looking.good = lack === undefined ? looking.good + 1 : 0;
    const placed = { good: looking.good, from: looking.from, at };
    answered({ id, since, good: looking.good, placed, ...(lack === undefined ? {} : { why: lack }) });
  };
  const lackIn = ({ probe, jids }: Looking, since: readonly number[]): string | undefined => {
    const lacks = jids.map((jid, at) => known.lackOf(jid, since[at] ?? Number.POSITIVE_INFINITY));
    return probe.mode === 'any' && lacks.includes(undefined) ? undefined : lacks.find((lack) => lack !== undefined);
  };
  /** A look that is good ends at once; one that is not waits for its time, and one that was good ends when somebody has gone. */
  const judge = (looking: Looking, isOver: boolean): void => {
    const { begun } = looking;
    const lack = lackIn(looking, begun?.since ?? looking.jids.map(() => Number.NEGATIVE_INFINITY));
    const isLost = begun === undefined && lack !== undefined && looking.good > 0;
    if (begun ? lack !== undefined && !isOver : !isLost) return;
    looking.begun = undefined;
    end(looking, begun?.at ?? clock.now(), lack);
  };
  const look = (looking: Looking): void => {
    if (looking.begun) judge(looking, true);
    looking.callOff = clock.after(looking.probe.everyMs, () => look(looking));
    // Nobody can be heard while the server is away: that says nothing of them.
    if (!entity.isOnline) return;
    looking.begun = { at: clock.now(), since: looking.jids.map(known.ask) };
    judge(looking, false);
  };

  return {
    replace: (probes) => {
      const left = new Map(lookings);
      lookings.clear();
      for (const probe of probes) {
        const text = JSON.stringify(probe);
        const before = left.get(probe.id);
        if (before?.text === text) left.delete(probe.id);
        const jids = probe.tests.flatMap(({ presence }) => presence ?? []);
        const fresh: Looking = { text, probe, jids, begun: undefined, good: 0, from: 0, callOff: () => {} };
        lookings.set(probe.id, before?.text === text ? before : fresh);
        if (before?.text !== text) look(fresh);
      }
      for (const { callOff } of left.values()) callOff();
      known.only(new Set([...lookings.values()].flatMap(({ jids }) => jids.map(bareOf))));
    },
    stop: () => {
      for (const { callOff } of lookings.values()) callOff();
      known.stop();
    },
  };
}
