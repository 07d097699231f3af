import { Failure } from '#shared/errors.ts';
import type { MeshPlan } from './conf.ts';

/** What a WireGuard link was given. */
export interface Given {
  publicKey: string;
  port: number;
  peers: { publicKey: string; allowed: string; keepalive: string }[];
}

/** Read what `wg show LINK dump` prints. It holds the private key: no failure tells any of it. @throws Failure host-output */
export function parseDump(stdout: string): Given {
  const [first = '', ...rest] = stdout.split('\n').filter((line) => line !== '');
  const [, publicKey, port, mark] = first.split('\t');
  const peers = rest.map((line) => line.split('\t'));
  if (publicKey === undefined || mark === undefined || peers.some((fields) => fields.length !== 8))
    throw new Failure('host-output', { problem: 'wg show dump prints other columns than expected' });
  return {
    publicKey,
    port: Number(port),
    peers: peers.map(([key = '', , , allowed = '', , , , keepalive = '']) => ({ publicKey: key, allowed, keepalive })),
  };
}

/** Where a peer is found at this moment is its own matter: it may have moved. */
export function isGiven({ mesh, key, port }: MeshPlan, given: Given): boolean {
  const line = (...fields: (string | number)[]): string => fields.join(' ');
  const wanted = mesh.peers.map((peer) => line(peer.publicKey, `${peer.address}/128`, peer.keepaliveS ?? 'off'));
  const there = given.peers.map(({ publicKey, allowed, keepalive }) => line(publicKey, allowed, keepalive));
  return (
    given.publicKey === key.publicKey &&
    given.port === port &&
    wanted.toSorted().join('\n') === there.toSorted().join('\n')
  );
}
