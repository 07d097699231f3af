import { z } from 'zod';

const Path = z.string().startsWith('/', 'use an absolute path');
const Network = z.strictObject({ ip: z.union([z.ipv4(), z.ipv6()]), port: z.int().min(1).max(65_535) });
const Socket = z.strictObject({
  socket: Path.max(100, 'use a shorter path: a UNIX socket has room for 100 characters'),
});

/** Where something listens: an address, or a UNIX socket, which only the user that ejabberd runs as (and root) can open. */
export const Address = z.union([Network, Socket]);
export type Address = z.infer<typeof Address>;
