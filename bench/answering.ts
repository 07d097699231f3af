import xml from '@xmpp/xml';
import { nodeOf } from '#shared/verb/verb.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';
import { runVerb } from '#shared/xmpp/commands-client.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { formElement } from '#shared/xmpp/forms.ts';
import { COMMANDS_NS } from '#shared/xmpp/stanza-error.ts';
import { against, type Figure, inTurn, rate } from './figures.ts';

const PEER_NS = 'urn:skerry:bench:1';

/** A bare IQ between two clients through the same server: what XMPP itself costs. */
export function answerBare(peer: Entity): void {
  peer.serve('set', PEER_NS, 'echo', ({ child }) => {
    const bytes = Number(child.attrs.bytes ?? 0);
    return xml('echo', { xmlns: PEER_NS }, 'x'.repeat(bytes));
  });
}

export const bareIq = async (entity: Entity, peer: string, bytes: number): Promise<void> => {
  await entity.request({ to: peer, type: 'set', child: xml('echo', { xmlns: PEER_NS, bytes }) });
};

/** `guest.info` against a bare IQ with as many bytes in its answer. */
export async function roundTrip(entity: Entity, agent: string, peer: string, rounds: number): Promise<Figure[]> {
  const times = await inTurn(rounds, {
    info: async () =>
      void (await runVerb(entity, agent, 'guest.info', agentVerbs['guest.info'], { guest: 'guest-500' })),
    bare: () => bareIq(entity, peer, 0),
  });
  return against('guest info, round trip', times.info, times.bare, 'bare IQ', { p50: 2, p99: 3 });
}

/** `guest.list` of 1,000 guests against the same number of bytes in a bare IQ. */
export async function longList(entity: Entity, agent: string, peer: string, rounds: number): Promise<Figure[]> {
  const list = () =>
    entity.request({
      to: agent,
      type: 'set',
      child: xml(
        'command',
        { xmlns: COMMANDS_NS, node: nodeOf('guest.list'), action: 'execute' },
        formElement({ type: 'submit', fields: [] }),
      ),
    });
  const bytes = (await list()).toString().length;
  const times = await inTurn(rounds, {
    list: async () => void (await list()),
    bare: () => bareIq(entity, peer, bytes),
  });
  return against(
    `guest list of 1,000 (${Math.round(bytes / 1024)} KiB)`,
    times.list,
    times.bare,
    'bare IQ, same bytes',
  );
}

/** Commands a second with 64 under way. */
export async function throughput(entity: Entity, agent: string, peer: string, total: number): Promise<Figure[]> {
  const verbs = await rate(
    total,
    64,
    async (n) =>
      void (await runVerb(entity, agent, 'guest.info', agentVerbs['guest.info'], { guest: `guest-${n % 1000}` })),
  );
  const bare = await rate(total, 64, () => bareIq(entity, peer, 0));
  return [
    {
      name: 'guest info, 64 in flight',
      value: `${verbs.toFixed(0)} a second`,
      floor: `bare IQ ${bare.toFixed(0)} a second`,
      ratio: bare / verbs,
    },
  ];
}
