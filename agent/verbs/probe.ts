import { performance } from 'node:perf_hooks';
import type { Probing } from '#agent/probes/probing.ts';
import { Failure } from '#shared/errors.ts';
import { ReadyTest } from '#shared/model/chain-ready.ts';
import { sightOf, WHY_CHARS_MAX } from '#shared/model/probe.ts';
import type { Handler } from '#shared/verb/handlers.ts';
import { loadBound } from '#shared/verb/perform-bounds.ts';
import type { May } from '#shared/verb/policy.ts';
import type { ArgsOf } from '#shared/verb/verb.ts';
import type { hostVerbs } from '#shared/verbs/host.ts';

type Row = (typeof hostVerbs)['host.probe'];
type Args = ArgsOf<Row>;

/** As long as the longest look of a chain. */
const LOOK_MS = 5_000;
/** A host is no place to search a network from. */
const AT_ONCE = { underWay: 8, underWayEach: 4 };

/** One look for a person, as a chain would look from here. */
export function probeHandler({ probing, may }: { probing: Pick<Probing, 'once'>; may: May }): Handler<Row> {
  const bounded = loadBound(AT_ONCE);
  return (args, { requester, signal }) =>
    bounded(requester.behalfOf ?? requester.bareJid, async () => {
      const { verb, guest } = sightOf(args);
      if (!may(requester, verb, { guest }))
        throw new Failure('not-permitted', { requester: requester.bareJid, verb: `${verb} ${guest || args.kind}` });
      const test = testOf(args);
      const began = performance.now();
      const verdict = await probing.once(test, guest || undefined, LOOK_MS, signal);
      signal.throwIfAborted();
      return {
        verdict: verdict.ok ? ('good' as const) : ('bad' as const),
        kind: args.kind,
        target: args.target,
        tookMs: Math.round(performance.now() - began),
        ...(verdict.ok ? {} : { why: verdict.why.slice(0, WHY_CHARS_MAX) }),
      };
    });
}

/** @throws Failure bad-argument */
function testOf(args: Args): ReadyTest {
  const { kind, status, pattern, insecure, network } = args;
  const refuse = (field: string, problem: string): never => {
    throw new Failure('bad-argument', { field, problem });
  };
  if (kind !== 'http' && status !== undefined) refuse('status', 'only http has one');
  if (kind !== 'http' && insecure) refuse('insecure', 'only http has certificates');
  if (kind !== 'http' && kind !== 'console' && pattern !== undefined) refuse('pattern', 'it is for http and console');
  if (kind === 'console' && pattern === undefined) refuse('pattern', 'say what a line has to match');
  if (network !== undefined && !['tcp', 'http', 'dns', 'nbd'].includes(kind))
    refuse('network', 'it is for tcp, http, dns and nbd');
  const parsed = ReadyTest.safeParse({ [kind]: lookedFor(args), ...(network === undefined ? {} : { network }) });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  return refuse(
    issue?.path.at(-1) === 'body' || kind === 'console' ? 'pattern' : 'target',
    issue?.message ?? 'it cannot be read',
  );
}

function lookedFor({ kind, target, status, pattern, insecure }: Args): unknown {
  if (kind === 'http') return { url: target, status, body: pattern, insecure };
  if (kind === 'state' || kind === 'agent') return true;
  return kind === 'console' ? pattern : target;
}
