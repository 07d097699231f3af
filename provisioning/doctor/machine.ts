import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import {
  AGENT_CONFIG,
  AGENT_STATE,
  CENTRAL_CONFIG,
  CENTRAL_SECRET,
  CENTRAL_STATE,
  CREDENTIALS,
  SERVER_WISH,
} from '../roles/places.ts';
import { ServerWish } from '../roles/server.ts';
import type { Ground } from '../systemd/ground.ts';

/** What runs guests, with what is looked at here; defaults are those of agent/driver-config.ts. */
const Driver = z.object({
  kind: z.string(),
  uri: z.string().default('qemu:///system'),
  folder: z.string().default('/var/lib/lxc'),
  zonesFolder: z.string().default('/export/zones'),
  diskFolder: z.string().optional(),
});
export type Driver = z.output<typeof Driver>;

/** What is used here of an agent's configuration; the agent itself says whether all of it is right. */
const Agent = z.object({
  jid: z.string(),
  credentials: z.string(),
  state: z.string().default(AGENT_STATE),
  service: z.object({ host: z.string(), port: z.int().default(5222), directTls: z.boolean().default(false) }),
  ca: z.string().optional(),
  central: z.string().optional(),
  driver: Driver.optional(),
  drivers: z.array(Driver).optional(),
  networks: z.object({ driver: z.string().default('none'), underlay: z.string().optional() }).optional(),
});
const Central = z.object({ jid: z.string(), secret: z.string(), state: z.string() });

/** A machine as its roles left it. A configuration that is there and cannot be read is undefined, and its role is there all the same. */
export interface Machine {
  ground: Ground;
  roles: ReadonlySet<'server' | 'central' | 'host'>;
  server?: z.output<typeof ServerWish> | undefined;
  central?: z.output<typeof Central> | undefined;
  agent?: z.output<typeof Agent> | undefined;
  /** What runs guests here. Of a host whose configuration cannot be read: what roles give it. */
  drivers: readonly Driver[];
  /** Where its programs have what is theirs: as their configuration names it, or where roles put it while that cannot be read. */
  places: { credentials: string; agentState: string; secret: string; centralState: string };
}

export function machineAt(ground: Ground): Machine {
  const read = <T extends z.ZodType>(path: string, schema: T): z.output<T> | undefined => {
    try {
      return schema.safeParse(parse(readFileSync(ground.at(path), 'utf8'))).data;
    } catch {
      return undefined;
    }
  };
  const files = { server: SERVER_WISH, central: CENTRAL_CONFIG, host: AGENT_CONFIG } as const;
  const names = ['server', 'central', 'host'] as const;
  const central = read(CENTRAL_CONFIG, Central);
  const agent = read(AGENT_CONFIG, Agent);
  return {
    ground,
    roles: new Set(names.filter((role) => existsSync(ground.at(files[role])))),
    server: read(SERVER_WISH, ServerWish),
    central,
    agent,
    drivers: existsSync(ground.at(AGENT_CONFIG)) ? driversOf(agent) : [],
    places: {
      credentials: beside(AGENT_CONFIG, agent?.credentials ?? CREDENTIALS),
      agentState: beside(AGENT_CONFIG, agent?.state ?? AGENT_STATE),
      secret: beside(CENTRAL_CONFIG, central?.secret ?? CENTRAL_SECRET),
      centralState: beside(CENTRAL_CONFIG, central?.state ?? CENTRAL_STATE),
    },
  };
}

const driversOf = (agent: z.output<typeof Agent> | undefined): readonly Driver[] =>
  agent?.drivers ?? [agent?.driver ?? Driver.parse({ kind: 'libvirt' })];

/** illumos has neither Debian's packages nor systemd: what goes by these is looked at nowhere there. */
export const isIllumos = ({ drivers }: Machine): boolean =>
  drivers.length > 0 && drivers.every(({ kind }) => kind === 'zones');

/** Whether QEMU runs guests here: then KVM counts. */
export const hasQemu = ({ drivers }: Machine): boolean =>
  drivers.some(({ kind, uri }) => kind === 'libvirt' && uri.startsWith('qemu'));

export const driversIn = ({ drivers }: Machine, kind: string): Driver[] =>
  drivers.filter((driver) => driver.kind === kind);

/** A path in a configuration is relative to the folder of that. */
const beside = (config: string, path: string): string => resolve(dirname(config), path);

/** What a program says, or undefined where it fails. */
export const saidOr = (ground: Ground, argv: readonly [string, ...string[]]): Promise<string | undefined> =>
  ground.run(argv).catch(() => undefined);
