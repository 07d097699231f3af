/**
 * Responsibilities: look at what an agent asks for, from the network namespace that this process was started in.
 *
 * Theory of operation: questions come on standard input and answers go to standard output, lines of JSON (looker-lines.ts). It ends
 * when its standard input does, and so with its agent.
 */
import { createInterface } from 'node:readline';
import { steadyClock } from '#shared/clock.ts';
import { ReadyTest } from '#shared/model/chain-ready.ts';
import { type LookerAnswer, LookerAsked, lineOf } from './looker-lines.ts';
import { matcher } from './matcher.ts';
import { networkLook, trusting } from './network-look.ts';
import { serverLookup } from './server-lookup.ts';

const by = matcher(steadyClock);
const under = new Map<number, AbortController>();
let context = trusting(undefined);

const answer = (message: LookerAnswer): void => void process.stdout.write(lineOf(message));

async function look({ id, test, dns }: Extract<LookerAsked, { id: number }>): Promise<void> {
  const calledOff = new AbortController();
  under.set(id, calledOff);
  try {
    const lookOnce = networkLook(ReadyTest.parse(test), {
      ...{ lookup: serverLookup(dns), nameServers: dns, matcher: by },
      context: () => context(),
    });
    if (!lookOnce) throw new Error('no looker looks at this');
    const verdict = await lookOnce(calledOff.signal);
    answer(verdict.ok ? { id, good: true } : { id, why: verdict.why });
  } catch (error) {
    if (!calledOff.signal.aborted) answer({ id, fault: error instanceof Error ? (error.stack ?? error.message) : '' });
  } finally {
    under.delete(id);
  }
}

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const asked = LookerAsked.parse(JSON.parse(line));
    if ('ca' in asked) context = trusting(asked.ca);
    else if ('cancel' in asked) under.get(asked.cancel)?.abort(new Error('it was called off'));
    else void look(asked);
  })
  .on('close', () => process.exit());
