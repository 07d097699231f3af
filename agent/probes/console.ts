import type { ConsoleKeeper } from '#agent/consoles/keeper.ts';
import { plainText } from '#agent/consoles/plain-text.ts';
import { type GuestLookDeps, runningGuest } from './guest-looks.ts';
import { bad, GOOD, type Look } from './look.ts';
import type { Matcher } from './matcher.ts';

export interface ConsoleLookDeps extends Pick<GuestLookDeps, 'host' | 'inventory'> {
  consoles: Pick<ConsoleKeeper, 'life'>;
  matcher: Matcher;
}

/** A longer line is tried in pieces of so many bytes. */
const LINE_BYTES_MAX = 4096;

/**
 * Whether a line of a guest's serial console has matched since the guest's last start. The last line counts also before it ends: a
 * prompt has no line end. What was tried once is not tried again.
 */
export function consoleLook(deps: ConsoleLookDeps, name: string, pattern: string): Look {
  let life = 0;
  let next = 0;
  let isFound = false;
  return async (signal) => {
    const { guest, verdict } = runningGuest(deps, name);
    if (!guest) return verdict;
    const known = deps.consoles.life(guest);
    if ('problem' in known) return bad(known.problem);
    if (known.serial !== life) {
      life = known.serial;
      next = known.began;
      isFound = false;
    }
    if (isFound) return GOOD;
    const from = Math.max(next, known.ring.start);
    const { lines, rest } = linesIn(known.ring.slice(from));
    const found = await deps.matcher.find(pattern, lines, signal);
    if (found.problem !== undefined) return bad(found.problem);
    next = from + rest;
    isFound = found.isFound;
    return found.isFound ? GOOD : bad('no line of its console has matched since its start');
  };
}

/** The lines in a piece of console, as text, and where the last one begins, which may not be whole. */
export function linesIn(bytes: Buffer): { lines: string[]; rest: number } {
  const lines: string[] = [];
  let at = 0;
  let rest = 0;
  while (at < bytes.length) {
    const end = bytes.indexOf(0x0a, at);
    const next = Math.min(end < 0 ? bytes.length : end + 1, at + LINE_BYTES_MAX);
    lines.push(plainText(bytes.subarray(at, next)).replace(/\n$/, ''));
    rest = end >= 0 && next === end + 1 ? next : at;
    at = next;
  }
  return { lines, rest };
}
