import { z } from 'zod';

/** Where something listens: an address, or a UNIX socket (which takes the folder's rights with it). */
export const Address = z.union([
  z.strictObject({ ip: z.ipv4(), port: z.int().min(1).max(65_535) }),
  z.strictObject({ socket: z.string().startsWith('/').max(100) }),
]);
export type Address = z.infer<typeof Address>;

export const EjabberdOptions = z.strictObject({
  domain: z.hostname(),
  /** Everything of this server: configuration, database, log, uploads, cookie. Mode 0700. */
  folder: z.string().startsWith('/'),
  /** Certificate and key in one PEM file. */
  certificate: z.string().startsWith('/'),
  listen: z.strictObject({
    /** Clients, with STARTTLS required. */
    starttls: z.array(Address).min(1),
    /** Clients, with TLS from the first byte (XEP-0368). */
    directTls: z.array(Address),
    /** WebSocket (RFC 7395) at /ws and uploads (XEP-0363) at /upload, in the clear: loopback or a UNIX socket only. */
    http: z.array(Address),
    /** Who reaches this owns the server. */
    api: z.array(Address),
    component: z.array(Address),
  }),
  /** Domains of components, each with a secret of its own. */
  components: z.record(z.string(), z.string().min(16)).default({}),
  /** Where clients find /upload. */
  httpUrl: z.url().default('http://127.0.0.1:5280'),
});
export type EjabberdOptions = z.input<typeof EjabberdOptions>;
