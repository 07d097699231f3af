import { Failure } from '#shared/errors.ts';
import type { ConsoleText } from '#shared/model/console.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';
import { parseConsole } from '#shared/xmpp/console.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { sameJid } from '#shared/xmpp/jid.ts';
import { agentAt, ask, type HostAt, hostOf } from './asking.ts';
import { EXIT } from './failing.ts';
import type { Options } from './options.ts';
import { connect, siteFor } from './site.ts';

const LEAVE = 0x1d; // Ctrl-], as telnet and virsh have it.
const LEASE_S = 600;

/** A guest's serial console as a terminal: its past first, then what it writes, and what is typed goes to it. */
export async function consoleCommand(guest: string, options: Options): Promise<number> {
  const site = await siteFor(options);
  const entity = await connect(site);
  try {
    const hosts = site.hosts.filter((host) => options.host === undefined || host.name === options.host);
    const host = await hostOf(entity, hosts, guest);
    await attach(entity, host, guest);
    return EXIT.done;
  } finally {
    await entity.stop();
  }
}

async function attach(entity: Entity, host: HostAt, guest: string): Promise<void> {
  const left = Promise.withResolvers<void>();
  // A console that ends badly is told when it is awaited below.
  left.promise.catch(() => {});
  let next = 0;
  let catchingUp: Promise<void> | undefined;
  const show = (text: Uint8Array | string): void => void process.stdout.write(text);

  /** What was kept from `next` on: the past at first, later what messages that were lost had. */
  const catchUp = async (first: boolean): Promise<void> => {
    const args = first ? { guest, lines: 200 } : { guest, from: next };
    const { value } = await ask(entity, host, 'console.read', agentVerbs['console.read'], args, false);
    const { text, next: end } = value as ConsoleText;
    show(text);
    next = end;
  };
  const off = entity.onMessage((message) => {
    const chunk = sameJid(message.attrs.from ?? '', agentAt(host)) ? parseConsole(message) : undefined;
    if (!chunk || chunk.guest !== guest || chunk.next <= next || catchingUp) return;
    if (chunk.from > next) {
      catchingUp = catchUp(false)
        .catch(left.reject)
        .finally(() => {
          catchingUp = undefined;
        });
      return;
    }
    show(chunk.bytes.subarray(next - chunk.from));
    next = chunk.next;
  });
  const watch = (): Promise<unknown> =>
    ask(entity, host, 'console.watch', agentVerbs['console.watch'], { guest, forS: LEASE_S }, false);
  const renewal = setInterval(() => void watch().catch(left.reject), (LEASE_S * 1000) / 2);
  const offStatus = entity.onStatus((status) => {
    if (status.status === 'online')
      watch()
        .then(() => catchUp(false))
        .catch(left.reject);
  });
  try {
    await watch();
    await catchUp(true);
    process.stderr.write(`[console of ${guest}; Ctrl-] leaves]\r\n`);
    typing(entity, host, guest, left);
    await left.promise;
  } finally {
    off();
    offStatus();
    clearInterval(renewal);
    if (process.stdin.isTTY) process.stdin.setRawMode(false);
    process.stdin.pause();
    await ask(entity, host, 'console.watch', agentVerbs['console.watch'], { guest, on: false }, false).catch(() => {});
    process.stderr.write('\r\n');
  }
}

/** Keys go in the order in which they were pressed; what is typed while one send is under way goes with the next. */
function typing(entity: Entity, host: HostAt, guest: string, left: PromiseWithResolvers<void>): void {
  let waiting = Buffer.alloc(0);
  let isSending = false;
  const send = async (): Promise<void> => {
    isSending = true;
    try {
      while (waiting.length > 0) {
        const bytes = waiting.subarray(0, 1000);
        waiting = waiting.subarray(1000);
        await ask(
          entity,
          host,
          'console.send',
          agentVerbs['console.send'],
          { guest, text: escaped(bytes), enter: false },
          false,
        );
      }
    } finally {
      isSending = false;
    }
  };
  if (process.stdin.isTTY) process.stdin.setRawMode(true);
  process.stdin.on('data', (bytes: Buffer) => {
    const leave = process.stdin.isTTY ? bytes.indexOf(LEAVE) : -1;
    waiting = Buffer.concat([waiting, leave < 0 ? bytes : bytes.subarray(0, leave)]);
    if (!isSending) send().then(() => leave >= 0 && left.resolve(), left.reject);
    else if (leave >= 0) left.resolve();
  });
  process.stdin.on('end', () => left.resolve());
  process.on('SIGTERM', () => left.reject(new Failure('not-connected')));
}

/** Bytes as `console.send` takes them: \\xNN for what is not plain text. */
const escaped = (bytes: Uint8Array): string =>
  [...bytes]
    .map((byte) =>
      byte >= 0x20 && byte < 0x7f && byte !== 0x5c
        ? String.fromCharCode(byte)
        : `\\x${byte.toString(16).padStart(2, '0')}`,
    )
    .join('');
