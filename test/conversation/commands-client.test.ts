import assert from 'node:assert/strict';
import xml, { type Element } from '@xmpp/xml';
import { Failure } from '#shared/errors.ts';
import type { Guest } from '#shared/model/guest.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';
import { listVerbs, type RunOptions, runVerb } from '#shared/xmpp/commands-client.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { parseError } from '#shared/xmpp/stanza-error.ts';
import { guestOf } from '#test/unit/support/guest.ts';
import { scene } from './scene.ts';

const HOST = 'host1@skerry.test/agent';

/** A program that asks the scene's agent, through the text that would be on the wire. */
function program(options: Parameters<typeof scene>[0] = {}, from = 'op@skerry.test/program') {
  const agent = scene(options);
  let asked = 0;
  const entity: Pick<Entity, 'request'> = {
    request: async ({ to = '', type, child }) => {
      asked++;
      const answer = await agent.entity.receives(xml('iq', { type, id: 'x', from, to }, child).toString());
      if (answer.attrs.type === 'error') throw parseError(answer);
      return answer;
    },
  };
  const run = async (verb: keyof typeof agentVerbs, args: Record<string, unknown> = {}, runOptions?: RunOptions) =>
    (await runVerb(entity, HOST, verb, agentVerbs[verb], args, runOptions)).value;
  return {
    ...agent,
    entity,
    run,
    get asked() {
      return asked;
    },
  };
}

const failing =
  (code: Failure['code'], details: Record<string, string> = {}) =>
  (error: unknown) => {
    assert.ok(error instanceof Failure, String(error));
    assert.equal(error.code, code);
    for (const [name, value] of Object.entries(details)) assert.equal(error.details[name], value);
    return true;
  };

const answering = (answer: Element): Pick<Entity, 'request'> => ({
  request: async () => xml('iq', { type: 'result' }, answer),
});

describe('a program that runs verbs', () => {
  it('gets records as they were, in one round trip', async () => {
    const guest: Guest = {
      ...guestOf('venti'),
      addresses: ['10.0.0.1', 'fe80::1'],
      autostart: true,
      title: 'a <b> & "c"',
    };
    const asking = program({ handlers: { 'guest.info': async () => guest } });
    assert.deepEqual(await asking.run('guest.info', { guest: 'venti' }), guest);
    assert.equal(asking.asked, 1);
  });

  it('gets numbers that are not whole, texts of many lines, and what is missing', async () => {
    const stats = { name: 'venti', state: 'running', cpuTimeS: 1.25 };
    const text = { name: 'venti', definition: '<a>\n\n  <b/>\n</a>\n' };
    const { run } = program({
      handlers: { 'guest.stats': async () => stats, 'guest.definition': async () => text },
    });
    assert.deepEqual(await run('guest.stats', { guest: 'venti' }), stats);
    assert.deepEqual(await run('guest.definition', { guest: 'venti' }), text);
  });

  it('gets a table as a whole, however many answers it takes', async () => {
    const names = Array.from({ length: 1_000 }, (_, n) => `guest-${n}`);
    const asking = program({ guests: names });
    const guests = (await asking.run('guest.list')) as Guest[];
    assert.deepEqual(
      guests.map(({ name }) => name),
      names,
    );
    assert.ok(asking.asked > 1);
    assert.deepEqual(await program({ guests: [] }).run('guest.list'), []);
  });

  it('gives arguments of every kind', async () => {
    const seen: unknown[] = [];
    const { run } = program(
      {
        handlers: {
          'guest.define': async (args) => {
            seen.push(args);
            return guestOf('web1');
          },
        },
      },
      'admin@skerry.test/x',
    );
    const args = {
      name: 'web1',
      vcpus: 2,
      disk: ['/a', '/b,format=raw'],
      replace: true,
      title: 'T',
      cmdline: 'a=b "c"',
    };
    await run('guest.define', args);
    assert.deepEqual(seen, [{ ...args, memoryMiB: 256, nic: [] }]);
  });

  it('has one effect with one operation id', async () => {
    const { run, effects } = program();
    const first = await run('guest.reboot', { guest: 'venti' }, { operation: 'once' });
    assert.deepEqual(await run('guest.reboot', { guest: 'venti' }, { operation: 'once' }), first);
    await run('guest.reboot', { guest: 'venti' });
    assert.deepEqual(effects, ['reboot venti', 'reboot venti']);
  });

  it('says what it is: a label for the trail, whatever it says, and nothing that permits', async () => {
    const operator = program();
    await operator.run('guest.start', { guest: 'venti' }, { client: 'cli' });
    await operator.run('guest.info', { guest: 'venti' }, { client: 'central' as 'cli' });
    await operator.run('guest.info', { guest: 'venti' });
    const viewer = program({}, 'viewer@skerry.test/program');
    await assert.rejects(
      viewer.run('guest.start', { guest: 'venti' }, { client: 'cli' }),
      failing('not-permitted', { requester: 'viewer@skerry.test' }),
    );
    const surfaces = [...operator.audit, ...viewer.audit].map(({ verb, surface }) => `${verb} ${surface}`);
    assert.deepEqual(surfaces, ['guest.start cli', 'guest.info form', 'guest.info form', 'guest.start cli']);
  });

  it('confirms what may lose work, or is refused', async () => {
    const { run, effects } = program();
    await assert.rejects(run('guest.poweroff', { guest: 'venti' }), failing('confirmation-required'));
    await run('guest.poweroff', { guest: 'venti' }, { confirmed: true });
    assert.deepEqual(effects, ['poweroff venti']);
  });

  it('gets a job', async () => {
    const { run } = program();
    const job = (await run('guest.shutdown', { guest: 'venti' })) as Record<string, unknown>;
    assert.deepEqual([job.id, job.verb, job.target, job.state], ['1', 'guest.shutdown', 'venti', 'running']);
  });

  it('gets failures by their row, with details', async () => {
    const { run } = program();
    await assert.rejects(run('guest.start', { guest: 'nobody' }), failing('guest-not-found', { guest: 'nobody' }));
    await assert.rejects(run('guest.start', { guest: '' }), failing('bad-argument', { field: 'guest' }));
    const viewer = program({}, 'viewer@skerry.test/x');
    await assert.rejects(viewer.run('guest.start', { guest: 'venti' }), failing('not-permitted'));
  });

  it('lists the verbs that it may use', async () => {
    const { entity } = program({}, 'viewer@skerry.test/x');
    const verbs = await listVerbs(entity, HOST);
    assert.ok(verbs.includes('guest.list'));
    assert.ok(!verbs.includes('guest.start'));
  });

  it('refuses what speaks no Skerry, or is not what the row says', async () => {
    const NS = 'http://jabber.org/protocol/commands';
    const x = (...fields: Element[]) => xml('x', { xmlns: 'jabber:x:data', type: 'result' }, ...fields);
    const field = (name: string, value: string) => xml('field', { var: name }, xml('value', {}, value));
    const command = (status: string, child?: Element) => xml('command', { xmlns: NS, status }, child);
    const answers = [
      xml('query', { xmlns: 'jabber:iq:version' }),
      command('executing', x()),
      command('completed'),
      command('completed', x(field('name', 'venti'), field('state', 'dancing'))),
      command('completed', x(field('name', 'venti'), field('state', 'running'), field('vcpus', 'many'))),
    ];
    for (const answer of answers) {
      const asked = runVerb(answering(answer), HOST, 'guest.info', agentVerbs['guest.info'], { guest: 'venti' });
      await assert.rejects(asked, failing('peer-refused', { peer: HOST }), String(answer));
    }
    const endless = command(
      'completed',
      xml('x', { xmlns: 'jabber:x:data', type: 'result' }, field('next', '0'), xml('reported')),
    );
    const asked = runVerb(answering(endless), HOST, 'job.list', agentVerbs['job.list'], {});
    await assert.rejects(asked, failing('peer-refused'), 'a peer that would have us ask for the same for ever');
  });
});
