import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Run } from '#agent/exec/run.ts';
import { type LinuxRouters, linuxRouters } from '#agent/networks/linux/router/routers.ts';
import { type Process, processesIn } from '#agent/services/processes.ts';
import { eui64 } from '#shared/model/address.ts';
import type { HostNetwork, HostRouter } from '#shared/model/network.ts';
import type { Scene } from './scene.ts';

export const never = (): AbortSignal => new AbortController().signal;

export const NETWORKS: HostNetwork[] = [
  { name: 'world', kind: 'outside', link: 'br0', mtu: 1500 },
  { name: 'grid', kind: 'nat', link: 'sk-grid', mtu: 1450 },
  { name: 'open', kind: 'routed', link: 'sk-open', mtu: 1500 },
  { name: 'cell', kind: 'isolated', link: 'sk-cell', mtu: 1500 },
];
export const MACS = {
  web1: '52:54:00:63:00:0b',
  web2: '52:54:00:63:00:0c',
  stranger: '52:54:00:63:00:99',
  open1: '52:54:00:63:01:0b',
  cell1: '52:54:00:63:02:0b',
};
export const PUBLIC = { v4: '203.0.113.2', v6: '2001:db8:1::2' };
export const WORLD = { v4: '203.0.113.10', v6: '2001:db8:1::10' };
export const WEB1_V6 = eui64('fd00:99::/64', MACS.web1);

export const ROUTER: HostRouter = {
  name: 'edge',
  outside: {
    network: 'world',
    mac: '52:54:00:00:00:01',
    addresses: [`${PUBLIC.v4}/24`, `${PUBLIC.v6}/64`],
    gateways: [WORLD.v4, WORLD.v6],
  },
  legs: [
    { network: 'grid', mac: '52:54:00:00:00:02', addresses: ['10.99.0.1/16', 'fd00:99::1/64'] },
    { network: 'open', mac: '52:54:00:00:00:03', addresses: ['198.51.100.1/24'] },
    { network: 'cell', mac: '52:54:00:00:00:04', addresses: ['10.7.0.1/24'] },
  ],
  nat: ['grid'],
  routed: ['open'],
  domains: { grid: 'grid.example.org' },
  dns: [],
  hosts: [
    { network: 'grid', mac: MACS.web1, name: 'web1', addresses: ['10.99.0.11', WEB1_V6] },
    { network: 'grid', mac: MACS.web2, name: 'web2', addresses: ['10.99.0.12'] },
    { network: 'open', mac: MACS.open1, name: 'open1', addresses: ['198.51.100.11'] },
    { network: 'cell', mac: MACS.cell1, name: 'cell1', addresses: ['10.7.0.11'] },
  ],
  pools: [],
  forwards: [{ protocol: 'tcp', port: 8080, address: '10.99.0.11', toPort: 80 }],
  ingress: [
    {
      name: 'www.example.org',
      port: 80,
      servers: [{ address: '10.99.0.11', port: 80 }],
    },
  ],
};

/** Bridges, as the host has them before a router is made. */
export async function makeBridges({ ip }: Scene): Promise<void> {
  for (const { link } of NETWORKS) {
    await ip('link', 'add', 'name', link, 'type', 'bridge');
    await ip('link', 'set', link, 'up');
  }
}

export const routersOn = (scene: Scene, run: Run = scene.run, upMsMax?: number): LinuxRouters =>
  linuxRouters({
    run,
    folder: join(scene.folder, 'routers'),
    host: 'host1',
    ...(upMsMax === undefined ? {} : { upMsMax }),
    log: { warn: (...said: unknown[]) => assert.fail(JSON.stringify(said)) },
  });

/** Processes of a router by name: those of the service, and its supervisor as `sh`. Those that were started first are in front, whatever their pids. */
export async function processesOf(scene: Scene, name: string, router = 'edge'): Promise<Process[]> {
  const all = await processesIn(scene.run, `sk-${router}`, never());
  return all
    .filter(({ argv }) => (name === 'sh' ? argv[1]?.endsWith('/supervise') : argv[0] === name))
    .toSorted((a, b) => Number(a.startedAt) - Number(b.startedAt) || a.pid - b.pid);
}

/** Their pids, in the same order. */
export const pidsOf = async (scene: Scene, name: string): Promise<number[]> =>
  (await processesOf(scene, name)).map(({ pid }) => pid);

/** A line of /proc/PID/status. */
export async function statusOf(pid: number, word: string): Promise<string> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return new RegExp(`^${word}:\\s+(.*)$`, 'm').exec(status)?.[1] ?? '';
}
