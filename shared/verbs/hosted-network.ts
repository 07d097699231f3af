import { z } from 'zod';
import { Mac } from '#shared/model/address.ts';
import { Lease, NetworkKind, NetworkName } from '#shared/model/network.ts';
import { verb } from '#shared/verb/verb.ts';

const network = NetworkName;
const noArgs = z.strictObject({});

/** A network as a host shall realise it, and how that stands. */
export const HostedNetwork = z
  .strictObject({
    name: z.string().meta({ title: 'Name' }),
    kind: NetworkKind.meta({ title: 'Kind' }),
    state: z.enum(['up', 'trouble']).meta({ title: 'State' }),
    link: z.string().meta({ title: 'Link', description: 'The bridge or link on the host.' }),
    mtu: z.int().meta({ title: 'MTU' }),
    peers: z
      .array(z.string())
      .meta({ title: 'Peers', description: 'Where its tunnel goes: underlay addresses of other hosts.' }),
    ports: z
      .int()
      .nonnegative()
      .meta({ title: 'Ports', description: 'Interfaces of guests that are held to their addresses.' }),
    problem: z.string().optional().meta({ title: 'Problem' }),
  })
  .meta({
    line: '{name} · {kind} · {state} · {link} · MTU {mtu} · {ports} ports {problem}',
    columns: ['name', 'kind', 'state', 'link', 'mtu', 'ports'],
  });
export type HostedNetwork = z.infer<typeof HostedNetwork>;

/** A router as a host shall realise it, and how that stands. */
export const HostedRouter = z
  .strictObject({
    name: z.string().meta({ title: 'Name' }),
    state: z.enum(['up', 'trouble']).meta({ title: 'State' }),
    networks: z.array(z.string()).meta({ title: 'Networks' }),
    addresses: z.array(z.string()).meta({ title: 'Addresses', description: 'Outside.' }),
    problem: z.string().optional().meta({ title: 'Problem' }),
  })
  .meta({ line: '{name} · {state} · {networks} · {addresses} {problem}' });
export type HostedRouter = z.infer<typeof HostedRouter>;

/** How a network is on one host, looked at now. */
export const ExaminedNetwork = z
  .strictObject({
    network: z.string().meta({ title: 'Network' }),
    state: z.enum(['up', 'trouble']).meta({ title: 'State' }),
    problem: z.string().optional().meta({ title: 'Problem' }),
    link: z
      .string()
      .optional()
      .meta({ title: 'Link', description: 'Of the port that was asked for, where it is there.' }),
    isGuarded: z.boolean().meta({ title: 'Guarded', description: 'That port is held to its addresses.' }),
    lost: z
      .array(z.string())
      .meta({ title: 'Lost', description: 'Other hosts that its tunnel does not reach, and why.' }),
  })
  .meta({ line: '{network} · {state} · {link} · guarded {isGuarded} · lost {lost} {problem}' });
export type ExaminedNetwork = z.infer<typeof ExaminedNetwork>;

/** What an agent itself answers of the networks and routers on its host. */
export const hostedNetworkVerbs = {
  'network.list': verb({
    summary: 'List the networks that this host shall realise, and how they stand.',
    risk: 'read',
    args: noArgs,
    positional: [],
    result: z.array(HostedNetwork),
    failures: [],
    timeoutMs: 10_000,
    example: 'network list',
  }),
  'network.examine': verb({
    summary:
      'Look how a network is on this host: its port of a guest, and whether other hosts are reached through its tunnel.',
    risk: 'read',
    args: z.strictObject({
      network,
      mac: Mac.optional().meta({ title: 'MAC', description: 'Of the guest whose port is looked at.' }),
    }),
    positional: ['network', 'mac'],
    result: ExaminedNetwork,
    failures: ['network-not-found', 'network-host', 'host-command', 'host-output', 'host-timeout'],
    timeoutMs: 30_000,
    example: 'network examine grid 06:53:00:00:00:01',
  }),
  'network.leases': verb({
    summary: 'List the addresses that routers on this host gave.',
    risk: 'read',
    args: z.strictObject({ network: NetworkName.optional() }),
    positional: ['network'],
    result: z.array(Lease),
    failures: ['network-not-found', 'network-host', 'host-command', 'host-output', 'host-timeout'],
    timeoutMs: 30_000,
    example: 'network leases grid',
  }),
  'router.list': verb({
    summary: 'List the routers that this host shall realise, and how they stand.',
    risk: 'read',
    args: noArgs,
    positional: [],
    result: z.array(HostedRouter),
    failures: [],
    timeoutMs: 10_000,
    example: 'router list',
  }),
};
