import type { Clock } from '#shared/clock.ts';
import type { RoomEvent } from './events.ts';

/** How long is waited for more of the same before it is told. */
const GATHER_MS = 500;
const ONE_BY_ONE_MAX = 3;
const NAMES_MAX = 20;

/** One line for each event; one line for many that are alike, on one host. */
export function linesOf(events: readonly RoomEvent[]): string[] {
  const alike = Map.groupBy(events, ({ what, host }) => JSON.stringify([host ?? null, what]));
  return [...alike.values()].flatMap((group) => (group.length > ONE_BY_ONE_MAX ? [gathered(group)] : group.map(alone)));
}

const alone = ({ subject, what, host }: RoomEvent): string => `${subject}: ${what}${host ? ` (${host})` : ''}`;

function gathered(group: readonly RoomEvent[]): string {
  const { what, host } = group[0] as RoomEvent;
  const names = group.map(({ subject }) => subject);
  const more = names.length > NAMES_MAX ? `, … and ${names.length - NAMES_MAX} more` : '';
  const whose = host ? `guests of ${host}` : 'hosts';
  return `${names.length} ${whose} ${what}: ${names.slice(0, NAMES_MAX).join(', ')}${more}`;
}

export interface Bursts {
  add(event: RoomEvent): void;
  /** What waits is not told. */
  stop(): void;
}

/** Gather events for a moment from the first on, and tell them: of one subject only the newest. */
export function bursts(clock: Clock, tell: (lines: readonly string[]) => void): Bursts {
  const waiting = new Map<string, RoomEvent>();
  let callOff: (() => void) | undefined;
  const flush = (): void => {
    callOff = undefined;
    const events = [...waiting.values()];
    waiting.clear();
    tell(linesOf(events));
  };
  return {
    add: (event) => {
      const key = `${event.host === undefined ? 'host' : 'guest'} ${event.subject}`;
      waiting.delete(key);
      waiting.set(key, event);
      callOff ??= clock.after(GATHER_MS, flush);
    },
    stop: () => {
      callOff?.();
      callOff = undefined;
      waiting.clear();
    },
  };
}
