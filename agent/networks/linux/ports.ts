import type { RealisedPort } from '#agent/networks/driver.ts';
import type { Link } from './links.ts';
import { macOfLink, networkOfLink } from './names.ts';
import { isBridge } from './plan.ts';

/** Ports of the bridges that we made: what the tunnel carries is of no guest here. */
export function portsIn(links: readonly Link[]): RealisedPort[] {
  const bridges = new Map(
    links.filter((link) => isBridge(link) && link.isOurs).map(({ name }) => [name, networkOfLink(name)]),
  );
  return links.flatMap((link) => {
    const network = bridges.get(link.master ?? '');
    if (network === undefined || link.kind === 'vxlan') return [];
    const mac = macOfLink(link.name);
    return [
      {
        ...{ network, link: link.name },
        ...(mac === undefined ? {} : { mac }),
        ...(link.bytesSent === undefined ? {} : { bytesIn: link.bytesSent }),
        ...(link.bytesReceived === undefined ? {} : { bytesOut: link.bytesReceived }),
      },
    ];
  });
}
