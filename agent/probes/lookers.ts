/**
 * Responsibilities: look from networks that this host has a leg on.
 *
 * Theory of operation: a leg is in a network namespace of its own, and only a process in there can look from it. So each network that is
 * looked from has a process (looker-main.ts) that stays, and is asked; it is let go when it was not asked for a while.
 *
 * What can go wrong: it dies. What it was asked is then answered badly, in words, and the next look starts another. The leg is made anew:
 * a process in the old namespace sees nothing any more. So one whose leg differs from what it was, or that finds nothing good after
 * some time, is replaced.
 */

import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { lines, type Session, type SessionOptions } from '#agent/exec/session.ts';
import type { Clock } from '#shared/clock.ts';
import { Failure } from '#shared/errors.ts';
import type { ReadyTest } from '#shared/model/chain-ready.ts';
import type { HostLook } from '#shared/model/network.ts';
import { bad, GOOD, type Look, type Verdict } from './look.ts';
import { LookerAnswer, lineOf } from './looker-lines.ts';

export interface LookersDeps {
  host: string;
  /** The leg on a network that this host shall have. */
  legOn(network: string): HostLook | undefined;
  /** What runs a program where that leg is. */
  enterLook(network: string, argv: readonly string[]): readonly [string, ...string[]];
  startSession(options: SessionOptions): Session;
  clock: Clock;
  /** PEM of the site's certificate authority. */
  ca?: string;
}

export interface Lookers {
  /** One look at what is out on that network. */
  lookFrom(network: string, test: ReadyTest): Look;
  /** Networks that have a process now. */
  readonly running: readonly string[];
  stop(): Promise<void>;
}

const IDLE_MS = 60_000;
/** One that is younger was started in the namespace of now, most likely. */
const DOUBTED_MS = 15_000;
const MAIN = fileURLToPath(new URL('looker-main.ts', import.meta.url));

export function lookers(deps: LookersDeps): Lookers {
  const byNetwork = new Map<string, Looker>();
  const ending = new Set<Promise<void>>();

  const letGo = (network: string, one: Looker): void => {
    if (byNetwork.get(network) === one) byNetwork.delete(network);
    const ended = one.retire().finally(() => ending.delete(ended));
    ending.add(ended);
  };
  const lookerOf = (network: string, leg: HostLook): Looker => {
    const known = byNetwork.get(network);
    if (known && isDeepStrictEqual(known.leg, leg) && !known.isDoubted()) return known;
    if (known) letGo(network, known);
    const made = looker(deps, network, leg, () => letGo(network, made));
    byNetwork.set(network, made);
    return made;
  };
  return {
    lookFrom: (network, test) => async (signal) => {
      const leg = deps.legOn(network);
      try {
        if (leg) return await lookerOf(network, leg).ask(test, signal);
      } catch (error) {
        if (error instanceof Failure) return bad(error.message);
        throw error;
      }
      const known = byNetwork.get(network);
      if (known) letGo(network, known);
      return bad(`${deps.host} has no leg on the network ${network}`);
    },
    get running() {
      return [...byNetwork.keys()];
    },
    stop: async () => {
      for (const [network, one] of [...byNetwork]) letGo(network, one);
      await Promise.all(ending);
    },
  };
}

interface Looker {
  readonly leg: HostLook;
  /** Whether it is old, and found nothing good when it looked last. */
  isDoubted(): boolean;
  ask(test: ReadyTest, signal: AbortSignal): Promise<Verdict>;
  /** End when all that it was asked is answered. */
  retire(): Promise<void>;
}

interface Asked {
  resolve(verdict: Verdict): void;
  reject(error: unknown): void;
}

/** @param isOver it has ended, or was not asked for long */
function looker(deps: LookersDeps, network: string, leg: HostLook, isOver: () => void): Looker {
  const { clock } = deps;
  const began = clock.now();
  const waiting = new Map<number, Asked>();
  let serial = 0;
  let isBad = false;
  let isRetired = false;
  let said = '';
  let idle = (): void => {};

  const answered = (id: number, give: (asked: Asked) => void): void => {
    const asked = waiting.get(id);
    waiting.delete(id);
    if (asked) give(asked);
    rest();
  };
  const rest = (): void => {
    idle();
    if (waiting.size > 0) return;
    if (isRetired) void session.kill();
    else idle = clock.after(IDLE_MS, isOver);
  };
  const end = (problem: string): void => {
    idle();
    for (const { resolve } of waiting.values())
      resolve(bad(`what looks from the network ${network} ended: ${problem}`));
    waiting.clear();
    isOver();
  };
  const give = ({ resolve, reject }: Asked, answer: LookerAnswer): void => {
    isBad = 'why' in answer;
    if ('fault' in answer) reject(new Error(answer.fault));
    else resolve('why' in answer ? bad(answer.why) : GOOD);
  };
  const [file, ...args] = deps.enterLook(network, [process.execPath, MAIN]);
  const session = deps.startSession({
    ...{ file, args },
    onOut: lines((line) => {
      const answer = answerIn(line);
      if (answer) return answered(answer.id, (asked) => give(asked, answer));
      end(line);
      void session.kill();
    }),
    onError: (chunk) => {
      said = (said + chunk).slice(-SAID_CHARS_MAX);
    },
  });
  if (deps.ca) session.write(lineOf({ ca: deps.ca }));
  void session.ended.then(({ problem }) => end(said.trim().split('\n').at(-1) || problem));
  return {
    leg,
    isDoubted: () => isBad && clock.now() - began > DOUBTED_MS,
    ask: (test, signal) => {
      signal.throwIfAborted();
      idle();
      const id = ++serial;
      const { promise, resolve, reject } = Promise.withResolvers<Verdict>();
      const onAbort = (): void => {
        isBad = true;
        session.write(lineOf({ cancel: id }));
        answered(id, (asked) => asked.reject(signal.reason));
      };
      waiting.set(id, { resolve, reject });
      signal.addEventListener('abort', onAbort, { once: true });
      session.write(lineOf({ id, test, dns: leg.dns }));
      return promise.finally(() => signal.removeEventListener('abort', onAbort));
    },
    retire: async () => {
      isRetired = true;
      rest();
      await session.ended;
    },
  };
}

/** Undefined for what is none: something else writes there, and says what is wrong. */
function answerIn(line: string): LookerAnswer | undefined {
  try {
    return LookerAnswer.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}

const SAID_CHARS_MAX = 2_000;
