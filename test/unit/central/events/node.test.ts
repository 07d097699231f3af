import assert from 'node:assert/strict';
import xml, { type Element } from '@xmpp/xml';
import { pubsubNode } from '#central/events/node.ts';
import type { IqRequest, Status } from '#shared/xmpp/entity.ts';

/** A service that answers when it is told to. */
function service() {
  const asked: { child: Element; answer(): void }[] = [];
  let tell: (status: Status) => void = () => {};
  const entity = {
    bareJid: 'central.skerry.test',
    isOnline: false,
    request: ({ child }: IqRequest): Promise<Element> =>
      new Promise((resolve) => void asked.push({ child, answer: () => resolve(xml('iq', { type: 'result' })) })),
    onStatus: (listener: (status: Status) => void) => {
      tell = listener;
      return () => {};
    },
  };
  return {
    entity,
    comes(): void {
      entity.isOnline = true;
      tell({ status: 'online' });
    },
    /**
     * Answer all that is asked, until nothing more is.
     * @param before told of each, before it is answered
     * @returns words for each
     */
    async answered(before: (words: string) => void = () => {}): Promise<string[]> {
      const words: string[] = [];
      for (;;) {
        await new Promise(setImmediate);
        const next = asked.shift();
        if (!next) return words;
        words.push(wordOf(next.child));
        before(words.at(-1) ?? '');
        next.answer();
      }
    },
  };
}

/** `create`, or `affiliations ann=member`. */
function wordOf(child: Element): string {
  const [inner] = child.getChildElements();
  const people = inner?.getChildren('affiliation').map(({ attrs }) => ` ${attrs.jid}=${attrs.affiliation}`) ?? [];
  return `${inner?.name}${people.join('')}`;
}

describe('the node that events are published at', () => {
  const log = { warn: () => {} };
  const MAKING = ['create', 'configure', 'affiliations'];

  it('is told what happened while it was being made', async () => {
    const { entity, comes, answered } = service();
    const node = pubsubNode({ entity, service: 'pubsub', node: 'events', readers: () => new Set(), log });
    node.publish(xml('event', {}, 'before there was a server'));
    comes();
    node.publish(xml('event', {}, 'at once'));
    assert.deepEqual(await answered(), [...MAKING, 'publish']);
  });

  it('has the readers of a policy that changed while it was being made', async () => {
    const { entity, comes, answered } = service();
    let readers = new Set(['ann']);
    const node = pubsubNode({ entity, service: 'pubsub', node: 'events', readers: () => readers, log });
    comes();
    const all = await answered((words) => {
      if (words !== 'affiliations ann=member') return;
      readers = new Set(['bob']);
      node.refresh();
    });
    assert.deepEqual(all.slice(-2), ['affiliations ann=none bob=member', 'subscriptions']);
  });
});
