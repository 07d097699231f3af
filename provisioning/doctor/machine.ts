import { existsSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import { AGENT_CONFIG, CENTRAL_CONFIG, SERVER_WISH } from '../roles/places.ts';
import { ServerWish } from '../roles/server.ts';
import type { Ground } from '../systemd/ground.ts';

/** What is used here of an agent's configuration; the agent itself says whether all of it is right. */
const Agent = z.object({
  jid: z.string(),
  credentials: z.string(),
  service: z.object({ host: z.string(), port: z.int().default(5222), directTls: z.boolean().default(false) }),
  ca: z.string().optional(),
  central: z.string().optional(),
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
}

export function machineAt(ground: Ground): Machine {
  const read = <T extends z.ZodType>(path: string, schema: T): z.output<T> | undefined => {
    try {
      return schema.safeParse(parse(readFileSync(ground.at(path), 'utf8'))).data;
    } catch {
      return undefined;
    }
  };
  const places = { server: SERVER_WISH, central: CENTRAL_CONFIG, host: AGENT_CONFIG } as const;
  const names = ['server', 'central', 'host'] as const;
  return {
    ground,
    roles: new Set(names.filter((role) => existsSync(ground.at(places[role])))),
    server: read(SERVER_WISH, ServerWish),
    central: read(CENTRAL_CONFIG, Central),
    agent: read(AGENT_CONFIG, Agent),
  };
}

/** What a program says, or undefined where it fails. */
export const saidOr = (ground: Ground, argv: readonly [string, ...string[]]): Promise<string | undefined> =>
  ground.run(argv).catch(() => undefined);
