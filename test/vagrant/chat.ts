import xml from '@xmpp/xml';
import { pino } from 'pino';
import { fromConfig } from '#cli/site.ts';
import { Failure } from '#shared/errors.ts';
import { xmppClient } from '#shared/xmpp/connection/client.ts';

/**
 * What a person types to central in a client, and what comes back, until an answer fits. Usage: chat.ts SITE.YAML TEXT PATTERN.
 * A program of its own, since it has to be in another network than the one that started it.
 */
const ANSWER_MS_MAX = 10 * 60_000;
const [file = '', text = '', due = ''] = process.argv.slice(2);

const { jid, password, ca, service, central } = await fromConfig(file);
const person = xmppClient({
  ...{ jid, password, service, resource: 'phone', log: pino({ level: 'silent' }) },
  ...(ca === undefined ? {} : { ca }),
  onBug(error) {
    throw error;
  },
});
const answered = new Promise<void>((resolve) => {
  person.onMessage((stanza) => {
    const body = stanza.getChildText('body');
    if (body === null) return;
    process.stdout.write(`${body}\n`);
    if (new RegExp(due).test(body)) resolve();
  });
});
const limit = setTimeout(() => {
  process.stderr.write(`nothing that fits ${due} came in ${ANSWER_MS_MAX / 1_000} s\n`);
  process.exit(1);
}, ANSWER_MS_MAX);
await person.start();
if (central === undefined) throw new Failure('config-invalid', { file, problem: 'central is due' });
await person.send(xml('message', { to: central, type: 'chat', id: 'chat-1' }, xml('body', {}, text)), 'refuse');
await answered;
clearTimeout(limit);
await person.stop();
