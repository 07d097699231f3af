import type { Run } from '#agent/exec/run.ts';
import type { Clock } from '#shared/clock.ts';
import type { ReadyTest } from '#shared/model/chain-ready.ts';
import type { Probe, ProbeAnswer } from '#shared/model/probe.ts';
import { type Commands, commandLook } from './command.ts';
import { type ConsoleLookDeps, consoleLook } from './console.ts';
import { gate, limited, limitOf } from './gate.ts';
import { agentLook, type GuestLookDeps, stateLook } from './guest-looks.ts';
import { bad, type Look, type Verdict } from './look.ts';
import type { Lookers } from './lookers.ts';
import { boundedLookup, type LookupAll } from './lookup.ts';
import { type Matcher, matcher } from './matcher.ts';
import { networkLook, trusting } from './network-look.ts';
import { probeRunner } from './runner.ts';
import { answerTeller } from './teller.ts';

export interface ProbingDeps extends GuestLookDeps, Pick<ConsoleLookDeps, 'consoles'> {
  commands: Commands;
  run: Run;
  /** One that nobody sets: ages are measured by it. */
  clock: Clock;
  /** PEM of the site's certificate authority. */
  ca?: string;
  /** In place of this machine's own. */
  nameServers?: readonly string[];
  lookup?: LookupAll;
  /** Look from networks; without them there are none here. */
  lookers?: Pick<Lookers, 'lookFrom' | 'stop'>;
  onBug(error: unknown): void;
}

export interface Probing {
  /** Look at these again and again, and give each batch of answers; what the first set and those after it want is one run. */
  start(probes: readonly Probe[], onAnswers: (answers: ProbeAnswer[]) => Promise<void> | void): Started;
  /** One look, now. */
  once(test: ReadyTest, guest: string | undefined, everyMs: number, signal: AbortSignal): Promise<Verdict>;
  stop(): void;
}

export interface Started {
  replace(probes: readonly Probe[]): void;
  stop(): void;
}

const LOOKS_AT_ONCE = 64;
/** Half of Node's threads. */
const LOOKUPS_AT_ONCE = 2;

/** Everything that looks at something for others, under one bound. */
export function probing(deps: ProbingDeps): Probing {
  const { clock, onBug } = deps;
  const by = matcher(clock);
  const lookOf = looks(deps, by);
  const limits = { gate: gate(LOOKS_AT_ONCE), clock, onBug };
  const running = new Set<Started>();
  return {
    start: (probes, onAnswers) => {
      const teller = answerTeller({
        clock,
        send: async (answers) => {
          try {
            await onAnswers(answers);
          } catch (error) {
            onBug(error);
          }
        },
      });
      const looksOf = ({ tests, guest, everyMs }: Probe): Look[] => tests.map((test) => lookOf(test, guest, everyMs));
      const runner = probeRunner({ ...limits, looksOf, tell: teller.tell });
      const started = {
        replace: runner.replace,
        stop: () => {
          running.delete(started);
          runner.stop();
          teller.stop();
        },
      };
      running.add(started);
      runner.replace(probes);
      return started;
    },
    once: async (test, guest, everyMs, signal) =>
      (await limited(lookOf(test, guest, everyMs), limitOf(everyMs), limits, signal).looked).verdict,
    stop: () => {
      for (const { stop } of running) stop();
      by.stop();
      // What is under way there ends with us, at the latest.
      deps.lookers?.stop().catch(onBug);
    },
  };
}

/** The look that a test means here. */
function looks(deps: ProbingDeps, by: Matcher) {
  const lookup = boundedLookup(LOOKUPS_AT_ONCE, deps.lookup);
  const { host, nameServers } = deps;
  const context = trusting(deps.ca);
  const here = { lookup, matcher: by, context, ...(nameServers ? { nameServers } : {}) };

  return (test: ReadyTest, guest: string | undefined, everyMs: number): Look => {
    const { network, from, console, command } = test;
    if (from !== undefined && from !== host)
      return async () => bad(`it is to be looked at from ${from}, and this is ${host}`);
    const isOut = [test.tcp, test.http, test.dns, test.nbd].some((each) => each !== undefined);
    if (network !== undefined && isOut)
      return (
        deps.lookers?.lookFrom(network, test) ?? (async () => bad(`the network ${network} is not known to ${host}`))
      );
    const out = networkLook(test, here);
    if (out) return out;
    if (command !== undefined) return commandLook(deps, command, limitOf(everyMs));
    if (test.state) return stateLook(deps, guest);
    if (guest === undefined) return async () => bad('this test is of a guest, and none was named');
    if (console !== undefined) return consoleLook({ ...deps, matcher: by }, guest, console);
    if (test.agent) return agentLook(deps, guest);
    return async () => bad(`${host} cannot look at this: central does`);
  };
}
