import { steadyClock } from '#shared/clock.ts';
import { Failure } from '#shared/errors.ts';
import type { ConsoleText } from '#shared/model/console.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';
import { connect } from '#shared/xmpp/connect.ts';
import { parseConsole, parseConsoleCut } from '#shared/xmpp/console.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { sameJid } from '#shared/xmpp/jid.ts';
import { agentAt, ask, type HostAt } from './asking.ts';
import { consoleKeys } from './console-keys.ts';
import { consoleStream } from './console-stream.ts';
import { keepWatching } from './console-watching.ts';
import { EXIT } from './failing.ts';
import { chosenHosts, hostFor } from './finding.ts';
import type { Options } from './options.ts';
import { siteFor } from './site.ts';

const PAST_LINES = 200;
/** How long the agent sends what the guest writes; renewed long before, so that an agent that was started again sends on soon. */
const LEASE_S = 60;

const watchRow = agentVerbs['console.watch'];
/** An agent that was killed answers nobody: whoever types shall not wait for it for long. */
const SOON = { timeoutMs: 4_000, tries: 8 };

/** A guest's serial console as a terminal: its past first, then what it writes, and what is typed goes to it. */
export async function consoleCommand(guest: string, options: Options): Promise<number> {
  const site = await siteFor(options);
  const hosts = chosenHosts(site, options.host);
  const entity = await connect(site);
  try {
    const host = await hostFor(entity, hosts, watchRow, { guest });
    await attach(entity, host, guest);
    return EXIT.done;
  } finally {
    await entity.stop();
  }
}

const note = (text: string): void => void process.stderr.write(`\r\n[${text}]\r\n`);

async function attach(entity: Entity, host: HostAt, guest: string): Promise<void> {
  const stream = consoleStream({
    read: async (from) => {
      const args = from === undefined ? { guest, lines: PAST_LINES } : { guest, from };
      return (await ask(entity, host, 'console.read', agentVerbs['console.read'], args, SOON)).value as ConsoleText;
    },
    show: (output) => void process.stdout.write(output),
    note,
  });
  const keys = consoleKeys({
    send: (text) => ask(entity, host, 'console.send', agentVerbs['console.send'], { guest, text, enter: false }, SOON),
    // A guest that is off takes no keys; it may be started again.
    onRefused: (failure) => note(failure.message),
  });
  const watch = (): Promise<unknown> => ask(entity, host, 'console.watch', watchRow, { guest, forS: LEASE_S }, SOON);
  const renew = async (): Promise<void> => {
    // Watch first: what is written between the two comes twice, and is shown once.
    await watch();
    await stream.catchUp();
  };
  const keeping = keepWatching({ entity, renew, note, clock: steadyClock });
  const off = entity.onMessage((message) => {
    if (!sameJid(message.attrs.from ?? '', agentAt(host))) return;
    if (parseConsoleCut(message) === guest)
      keeping.failed(new Failure('not-permitted', { requester: entity.bareJid, verb: `console.watch ${guest}` }));
    const chunk = parseConsole(message);
    if (chunk?.guest === guest) stream.chunk(chunk).catch(keeping.failed);
  });
  try {
    await watch();
    await stream.catchUp();
    note(`console of ${guest}; Ctrl-] leaves`);
    keeping.begin();
    await Promise.race([keys.left, keeping.broken]);
  } finally {
    off();
    keeping.end();
    keys.end();
    await ask(entity, host, 'console.watch', watchRow, { guest, on: false }).catch(() => {});
    process.stderr.write('\r\n');
  }
}
