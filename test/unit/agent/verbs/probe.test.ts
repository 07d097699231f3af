import assert from 'node:assert/strict';
import type { Probing } from '#agent/probes/probing.ts';
import { probeHandler } from '#agent/verbs/probe.ts';
import { Failure } from '#shared/errors.ts';
import type { ReadyTest } from '#shared/model/chain-ready.ts';
import { readArguments } from '#shared/verb/arguments.ts';
import { mayBy, Policy } from '#shared/verb/policy.ts';
import type { Call } from '#shared/verb/request.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';

const may = mayBy(
  Policy.parse({
    roles: { blind: { allow: ['host.probe'] } },
    grants: [
      { jid: 'op@x', role: 'operator' },
      { jid: 'web@x', role: 'operator', guests: ['web*'] },
      { jid: 'blind@x', role: 'blind' },
    ],
  }),
  agentVerbs,
);

function stage(answer: Probing['once'] = async () => ({ ok: true })) {
  const asked: { test: ReadyTest; guest: string | undefined }[] = [];
  const handler = probeHandler({
    may,
    probing: {
      once: (test, guest, everyMs, signal) => {
        asked.push({ test, guest });
        return answer(test, guest, everyMs, signal);
      },
    },
  });
  const row = agentVerbs['host.probe'];
  const run = async (args: Record<string, unknown>, by = 'op@x') => {
    const call = {
      verb: 'host.probe',
      requester: { bareJid: by, fullJid: `${by}/1` },
      signal: AbortSignal.timeout(10_000),
    };
    return row.result.parse(await handler(readArguments(row, args) as never, call as Call)) as Record<string, unknown>;
  };
  return { asked, run };
}
const code = (wanted: string, field?: string) => (error: unknown) => {
  assert.ok(error instanceof Failure, String(error));
  assert.deepEqual([error.code, error.details.field], [wanted, field], error.message);
  return true;
};

describe('host probe', () => {
  it('looks as a chain would', async () => {
    const { asked, run } = stage();
    const looks: [Record<string, unknown>, ReadyTest, string?][] = [
      [{ kind: 'tcp', target: 'tcp!venti!17034' }, { tcp: 'venti:17034' }],
      [{ kind: 'tcp', target: 'tcp!::1!80' }, { tcp: '[::1]:80' }],
      [
        { kind: 'http', target: 'http://a/' },
        { http: { url: 'http://a/', status: 200, body: undefined, insecure: false } },
      ],
      [
        { kind: 'http', target: 'https://a/', status: '503', pattern: 'x', insecure: 'yes' },
        { http: { url: 'https://a/', status: 503, body: 'x', insecure: true } },
      ],
      [{ kind: 'dns', target: 'venti.test' }, { dns: 'venti.test' }],
      [
        { kind: 'dns', target: 'venti.test', network: 'grid' },
        { dns: 'venti.test', network: 'grid' },
      ],
      [{ kind: 'command', target: 'raid' }, { command: 'raid' }],
      [{ kind: 'state', target: 'venti' }, { state: true }, 'venti'],
      [{ kind: 'agent', target: 'venti' }, { agent: true }, 'venti'],
      [{ kind: 'console', target: 'venti', pattern: 'login: $' }, { console: 'login: $' }, 'venti'],
    ];
    for (const [args, test, guest] of looks) {
      const answer = await run(args);
      assert.deepEqual(asked.at(-1), { test, guest });
      assert.deepEqual([answer.verdict, answer.kind, answer.target], ['good', args.kind, args.target]);
      assert.ok(Number.isInteger(answer.tookMs));
      assert.ok(!('why' in answer));
    }
  });

  it('says why not', async () => {
    const { run } = stage(async () => ({ ok: false, why: 'connection refused' }));
    const { verdict, why } = await run({ kind: 'tcp', target: 'venti:17034' });
    assert.deepEqual([verdict, why], ['bad', 'connection refused']);
  });

  it('refuses what makes no sense, by the name of the field', async () => {
    const { asked, run } = stage();
    const wrong: [Record<string, unknown>, string][] = [
      [{ kind: 'tcp', target: 'venti' }, 'target'],
      [{ kind: 'tcp', target: 'venti:99999' }, 'target'],
      [{ kind: 'http', target: 'file:///etc/passwd' }, 'target'],
      [{ kind: 'http', target: 'http://a/', pattern: '(' }, 'pattern'],
      [{ kind: 'console', target: 'venti' }, 'pattern'],
      [{ kind: 'console', target: 'venti', pattern: '(' }, 'pattern'],
      [{ kind: 'tcp', target: 'venti:1', pattern: 'x' }, 'pattern'],
      [{ kind: 'tcp', target: 'venti:1', status: '200' }, 'status'],
      [{ kind: 'tcp', target: 'venti:1', insecure: 'yes' }, 'insecure'],
      [{ kind: 'agent', target: 'web1', network: 'grid' }, 'network'],
      [{ kind: 'presence', target: 'a@b' }, 'kind'],
    ];
    for (const [args, field] of wrong)
      await assert.rejects(run(args), code('bad-argument', field), JSON.stringify(args));
    await assert.rejects(run({ kind: 'console', target: 'venti' }), /say what a line has to match/);
    assert.deepEqual(asked, []);
  });

  it('tells of a guest who may see it only, and of a network who is not held to some guests', async () => {
    const { asked, run } = stage();
    const refused: [string, Record<string, unknown>][] = [
      ['web@x', { kind: 'state', target: 'db' }],
      ['web@x', { kind: 'agent', target: 'db' }],
      ['web@x', { kind: 'console', target: 'db', pattern: 'password' }],
      ['web@x', { kind: 'tcp', target: '169.254.169.254:80' }],
      ['web@x', { kind: 'http', target: 'http://169.254.169.254/' }],
      ['web@x', { kind: 'dns', target: 'db' }],
      ['web@x', { kind: 'command', target: 'raid' }],
      ['blind@x', { kind: 'console', target: 'web1', pattern: 'password' }],
    ];
    for (const [by, args] of refused) await assert.rejects(run(args, by), code('not-permitted'), JSON.stringify(args));
    assert.deepEqual(asked, []);
    await run({ kind: 'console', target: 'web1', pattern: 'login' }, 'web@x');
    await run({ kind: 'tcp', target: 'db:1' }, 'blind@x');
    assert.equal(asked.length, 2);
  });

  it('is no way to search a network: few at once, of one account and in all', async () => {
    const done = Promise.withResolvers<{ ok: true }>();
    const { run } = stage(() => done.promise);
    const look = (by: string) => run({ kind: 'tcp', target: 'a:1' }, by);
    const own = Array.from({ length: 4 }, () => look('op@x'));
    await assert.rejects(look('op@x'), code('too-busy'));
    const others = Array.from({ length: 4 }, () => look('blind@x'));
    done.resolve({ ok: true });
    await Promise.all([...own, ...others]);
    assert.equal((await look('op@x')).verdict, 'good');
  });
});
