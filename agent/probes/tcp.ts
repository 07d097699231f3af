import { connect, type LookupFunction } from 'node:net';
import { bad, GOOD, type Look } from './look.ts';
import { saidOf } from './said.ts';

/** Whether a connection is taken. Nothing is sent over it. */
export function tcpLook(address: string, lookup: LookupFunction): Look {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  const port = Number(address.slice(colon + 1));
  return (signal) => {
    const { promise, resolve } = Promise.withResolvers<Awaited<ReturnType<Look>>>();
    const socket = connect({ host, port, signal, lookup });
    socket.once('connect', () => {
      socket.destroy();
      resolve(GOOD);
    });
    socket.once('error', (error) => resolve(bad(saidOf(error))));
    return promise;
  };
}
