import assert from 'node:assert/strict';
import type { Element } from '@xmpp/xml';
import { ask, isAway } from '#cli/asking.ts';
import { EXIT, exitOf } from '#cli/failing.ts';
import { Failure } from '#shared/errors.ts';
import { centralVerbs } from '#shared/verbs/central.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { FORMS_NS, parseForm } from '#shared/xmpp/forms.ts';
import { StanzaError } from '#shared/xmpp/stanza-error.ts';

const CENTRAL = { name: 'central', jid: 'central.skerry.test' };
const HOST2 = { name: 'host2', jid: 'host2@skerry.test' };

/** Who is asked answers with these errors, one after the other, and with the last of them for ever. */
function refusing(...errors: Error[]) {
  const operations: (string | undefined)[] = [];
  const entity = {
    isOnline: true,
    request: async ({ child }: { child: Element }) => {
      const form = parseForm(child.getChild('x', FORMS_NS) as Element);
      operations.push(form.fields.find((field) => field.var === 'operation')?.values[0]);
      throw errors[Math.min(operations.length, errors.length) - 1];
    },
  } as unknown as Entity;
  return { entity, operations };
}

const failureOf = async (asking: Promise<unknown>): Promise<Failure> => {
  const failure = await asking.then(
    () => assert.fail('it was answered'),
    (error: unknown) => error,
  );
  assert.ok(failure instanceof Failure, String(failure));
  return failure;
};
const listGuests = (entity: Entity, host: typeof CENTRAL, told?: (text: string) => void) =>
  ask(entity, host, 'guest.list', centralVerbs['guest.list'], {}, told ? { told } : {});

describe('asking central from the command line', () => {
  const noRoute = new StanzaError('auth', 'forbidden', 'Access denied by service policy');

  it('takes the server, which looks for it elsewhere and may not, for central not being there', async () => {
    const { entity, operations } = refusing(noRoute);
    const failure = await failureOf(listGuests(entity, CENTRAL));
    assert.equal(
      failure.message,
      'The host central cannot be reached: it is not there; try again, or ask the hosts themselves with --direct.',
    );
    assert.equal(exitOf(failure), EXIT.unreachable);
    assert.ok(isAway(failure), 'a job that is watched is waited for');
    assert.equal(operations.length, 3);
    assert.equal(new Set(operations).size, 1, 'the same operation');
  });

  it('says that a change may still take effect, and how to find out', async () => {
    const lost = new Failure('no-answer', { peer: CENTRAL.jid, timeoutS: 25 });
    const { entity, operations } = refusing(lost);
    const told: string[] = [];
    const row = centralVerbs['guest.start'];
    const options = { told: (text: string) => told.push(text), timeoutMs: 0 };
    const asking = ask(entity, CENTRAL, 'guest.start', row, { guest: 'venti' }, options);
    const failure = await failureOf(asking);
    assert.match(failure.message, /does not answer; what was asked may still take effect/);
    assert.match(failure.message, new RegExp(`--operation ${operations[0]}`));
    assert.equal(exitOf(failure), EXIT.unreachable);
    assert.deepEqual(told, Array(2).fill('central.skerry.test did not answer within 25 s. Asking again.'));
  });

  it('gives what central itself says, at once: its refusal, and that a host is not reached', async () => {
    for (const [code, details] of [
      ['not-permitted', { requester: 'eve@skerry.test', verb: 'guest.list' }],
      ['host-unreachable', { host: 'host2', problem: 'it is not heard' }],
    ] as const) {
      const { entity, operations } = refusing(new StanzaError('auth', 'forbidden', 'no', code, details));
      const failure = await failureOf(listGuests(entity, CENTRAL));
      assert.equal(failure.code, code);
      assert.deepEqual(failure.details, details);
      assert.equal(operations.length, 1);
    }
  });

  it('asks an agent that is not there once only, and takes forbidden from its account for what it says', async () => {
    const absent = refusing(new StanzaError('cancel', 'service-unavailable'));
    assert.match((await failureOf(listGuests(absent.entity, HOST2))).message, /host2 .* its agent is not connected/);
    assert.equal(absent.operations.length, 1);
    assert.equal((await failureOf(listGuests(refusing(noRoute).entity, HOST2))).code, 'peer-refused');
  });
});
