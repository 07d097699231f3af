import { createHash } from 'node:crypto';
import { linesOf } from '#agent/networks/linux/lines.ts';
import { isV6 } from '#shared/model/address.ts';
import type { Ingress } from '#shared/model/network.ts';
import { SEEN_AT } from './dnsmasq.ts';
import type { RouterPlan } from './plan.ts';

/**
 * What haproxy of a router is started with. Host names are found in a map, a file for each port.
 *
 * `digest` is of all but the servers: where it stays, servers are changed as it runs; else it takes its files anew, seamlessly.
 */
export interface HaproxyFiles {
  configuration: string;
  maps: ReadonlyMap<string, string>;
  digest: string;
}

/** Undefined where there is no ingress. */
export function haproxyFiles({ router: { ingress } }: RouterPlan): HaproxyFiles | undefined {
  if (ingress.length === 0) return undefined;
  const ports = [...new Set(ingress.map(({ port }) => port))].toSorted((a, b) => a - b);
  const maps = new Map(ports.map((port) => [`${port}.map`, mapOf(ingress, port)]));
  const without = configurationOf(
    ingress.map((each) => ({ ...each, servers: [] })),
    ports,
    '',
  );
  const digest = createHash('sha256')
    .update(without)
    .update(JSON.stringify([...maps]))
    .digest('hex')
    .slice(0, 16);
  return { configuration: configurationOf(ingress, ports, digest), maps, digest };
}

/** haproxy tells at its socket what this is set to. */
export const DIGEST_WORD = 'SKERRY_FILES';

/** A port is in the name, as one host name may be served at several. */
export const backendOf = ({ name, port }: Pick<Ingress, 'name' | 'port'>): string => `${port}-${name}`;
export const serverOf = ({ address, port }: Ingress['servers'][number]): string =>
  `${address.replaceAll(':', '_')}-${port}`;
/** What follows the name of a server, in the file and at the socket. */
export const serverWords = ({ address, port }: Ingress['servers'][number]): string =>
  `${isV6(address) ? `[${address}]` : address}:${port} check inter 500ms fall 2 rise 1`;

const mapOf = (ingress: readonly Ingress[], port: number): string =>
  linesOf(ingress.filter((each) => each.port === port).map((each) => `${each.name} ${backendOf(each)}`));

function configurationOf(ingress: readonly Ingress[], ports: readonly number[], digest: string): string {
  return linesOf([
    'global',
    '  user haproxy',
    '  group haproxy',
    `  chroot ${SEEN_AT}/empty`,
    `  stats socket ${SEEN_AT}/haproxy.sock mode 600 level admin expose-fd listeners`,
    // Old connections do not keep an old process for ever.
    '  hard-stop-after 1h',
    // Read back at the socket: which files it runs with.
    `  setenv ${DIGEST_WORD} ${digest || 'none'}`,
    '',
    'defaults',
    '  mode http',
    '  option forwardfor',
    '  timeout connect 5s',
    '  timeout client 1h',
    '  timeout server 1h',
    '  timeout http-request 30s',
    '  timeout check 2s',
    ...ports.flatMap(frontendOf),
    ...ingress.flatMap(backendLines),
  ]);
}

function frontendOf(port: number): string[] {
  const found = `%[req.hdr(host),host_only,lower,map(${SEEN_AT}/maps/${port}.map)]`;
  return [
    '',
    `frontend ${port}`,
    `  bind :::${port} v4v6`,
    `  acl known req.hdr(host),host_only,lower,map(${SEEN_AT}/maps/${port}.map) -m found`,
    '  http-request return status 404 content-type text/plain string "No such host here." if !known',
    `  use_backend ${found}`,
  ];
}

function backendLines(each: Ingress): string[] {
  return [
    '',
    `backend ${backendOf(each)}`,
    ...(each.check === undefined
      ? []
      : [
          '  option httpchk',
          `  http-check send meth GET uri ${each.check} ver HTTP/1.1 hdr Host ${each.name}`,
          '  http-check expect status 200-399',
        ]),
    ...each.servers.map((server) => `  server ${serverOf(server)} ${serverWords(server)}`),
  ];
}
