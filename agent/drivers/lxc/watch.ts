import type { GuestEvent, GuestEventListener, Watch } from '#agent/drivers/driver.ts';
import { watchZones } from './folder-watch.ts';
import type { Ground } from './ground.ts';
import type { ZoneState } from './states.ts';

/** Tell of all that happens to zones: their states by LXC, their definitions by the folder that they are in. */
export async function watchGuests(
  ground: Ground,
  listener: GuestEventListener,
  onBreak: (problem: Error) => void,
  signal: AbortSignal,
): Promise<Watch> {
  signal.throwIfAborted();
  let isOver = false;
  const tell = (name: string, event: Omit<GuestEvent, 'name' | 'id'>): void => {
    const id = ground.zones.knownId(name);
    if (!isOver) listener({ name, ...(id === undefined ? {} : { id }), ...event });
  };
  /** Its id is looked for first: a folder that is new has none yet. */
  const tellOfFolder = (name: string, event: Omit<GuestEvent, 'name' | 'id'>): void =>
    void ground.zones.idOf(name).then(
      () => tell(name, event),
      () => tell(name, event),
    );
  const broke = (problem: Error): void => {
    if (isOver) return;
    stop().catch(() => {});
    onBreak(problem);
  };
  const endFolder = watchZones(ground.folder, {
    appeared: (name) => tellOfFolder(name, { what: 'defined' }),
    changed: (name) => tellOfFolder(name, { what: 'changed' }),
    // It is the one that was known: another may have its name already.
    gone: (name) => tell(name, { what: 'undefined' }),
    broke,
  });
  let endStates = async (): Promise<void> => {};
  const stop = async (): Promise<void> => {
    isOver = true;
    endFolder();
    await endStates();
  };
  const eventOf = stateEvents();
  try {
    endStates = await ground.monitor.listen(
      {
        onState: (name, state) => {
          const event = eventOf(name, state);
          if (event) tell(name, event);
        },
        onBreak: broke,
      },
      signal,
    );
  } catch (error) {
    await stop();
    throw error;
  }
  return { stop };
}

/**
 * What a change of state means. LXC tells of a freeze and of a thaw twice, and of what lies between two states: what is known
 * already is no event.
 */
export function stateEvents(): (name: string, state: ZoneState) => Omit<GuestEvent, 'name' | 'id'> | undefined {
  const last = new Map<string, ZoneState>();
  return (name, state) => {
    const before = last.get(name);
    const now = state === 'THAWED' ? 'RUNNING' : state;
    if (now === before || !['RUNNING', 'FROZEN', 'STOPPED'].includes(now)) return undefined;
    if (now === 'STOPPED') last.delete(name);
    else last.set(name, now);
    if (now === 'STOPPED') return { what: 'stopped', state: 'shutoff' };
    if (now === 'FROZEN') return { what: 'suspended', state: 'paused' };
    return { what: state === 'THAWED' || before === 'FROZEN' ? 'resumed' : 'started', state: 'running' };
  };
}
