import { connect, type LookupFunction, type Socket } from 'node:net';
import { NBD_PORT } from '#shared/model/volume.ts';
import { bad, GOOD, type Look, type Verdict } from './look.ts';
import { saidOf } from './said.ts';

const HELLO = Buffer.from('NBDMAGICIHAVEOPT');
const OPTION = HELLO.subarray(8);
const REPLY = 0x3e889045565a9n;
const FIXED_NEWSTYLE = 1;
const NO_ZEROES = 2;
const LIST = 3;
const ABORT = 2;
const REP_ACK = 1;
const REP_SERVER = 2;
/** Of one export's entry, and of how many there may be. */
const ENTRY_BYTES_MAX = 8_192;
const ENTRIES_MAX = 10_000;

/**
 * Whether an NBD server answers, and lists an export. Nothing of the export is read, and it is not opened.
 *
 * Source: https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md, "Newstyle negotiation", "Option haggling"
 */
export function nbdLook(uri: string, lookup: LookupFunction): Look {
  const { hostname = '', port = '', pathname = '' } = URL.parse(uri) ?? {};
  const name = pathname.slice(1);
  return async (signal) => {
    const host = hostname.replace(/^\[(.*)\]$/, '$1');
    const socket = connect({ host, port: Number(port || NBD_PORT), signal, lookup });
    try {
      return await listed(name, socket);
    } catch (error) {
      signal.throwIfAborted();
      return bad(saidOf(error));
    } finally {
      socket.destroy();
    }
  };
}

async function listed(name: string, socket: Socket): Promise<Verdict> {
  const take = taker(socket);
  const hello = await take(18);
  if (!hello.subarray(0, 16).equals(HELLO)) return bad('what answers there does not speak NBD as of today');
  const flags = hello.readUInt16BE(16) & (FIXED_NEWSTYLE | NO_ZEROES);
  if ((flags & FIXED_NEWSTYLE) === 0) return bad('its NBD server cannot list what it exports');
  const mine = Buffer.alloc(4);
  mine.writeUInt32BE(flags);
  socket.write(Buffer.concat([mine, OPTION, words(LIST, 0)]));
  const names: string[] = [];
  for (let count = 0; count < ENTRIES_MAX; count++) {
    const head = await take(20);
    const type = head.readUInt32BE(12);
    const bytes = head.readUInt32BE(16);
    if (head.readBigUInt64BE(0) !== REPLY || head.readUInt32BE(8) !== LIST || bytes > ENTRY_BYTES_MAX)
      return bad('its NBD server answers in a way that is not understood');
    const body = await take(bytes);
    if (type === REP_SERVER && bytes >= 4) names.push(body.toString('utf8', 4, 4 + body.readUInt32BE(0)));
    else if (type === REP_ACK) break;
    else return bad('its NBD server does not tell what it exports');
  }
  // So that the server logs no client that went without a word.
  socket.end(Buffer.concat([OPTION, words(ABORT, 0)]));
  return names.includes(name) ? GOOD : bad(`its NBD server has no export ${name}`);
}

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [at, value] of values.entries()) bytes.writeUInt32BE(value, at * 4);
  return bytes;
}

/** What reads so many bytes of what comes, one after the other. It rejects when the connection ends before. */
function taker(socket: Socket): (bytes: number) => Promise<Buffer> {
  let held = Buffer.alloc(0);
  let problem: Error | undefined;
  let stir = (): void => {};
  socket.on('data', (chunk: Buffer) => {
    held = Buffer.concat([held, chunk]);
    stir();
  });
  const ended = (error: Error): void => {
    problem ??= error;
    stir();
  };
  socket.on('error', ended);
  socket.on('close', () => ended(new Error('it ends the connection')));
  return async (bytes) => {
    while (held.length < bytes) {
      if (problem) throw problem;
      const { promise, resolve } = Promise.withResolvers<void>();
      stir = resolve;
      await promise;
    }
    const taken = held.subarray(0, bytes);
    held = held.subarray(bytes);
    return taken;
  };
}
