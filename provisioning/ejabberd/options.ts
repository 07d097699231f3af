import { z } from 'zod';
import { Address } from '#shared/ejabberd/address.ts';

const Path = z.string().startsWith('/', 'use an absolute path');
const isOnThisMachine = (at: Address): boolean => 'socket' in at || at.ip.startsWith('127.') || at.ip === '::1';
const Private = Address.refine(
  isOnThisMachine,
  'use 127.0.0.1, ::1 or a UNIX socket: this listener speaks in the clear',
);

export const EjabberdOptions = z.strictObject({
  domain: z.hostname(),
  /** Everything of this server: configuration, database, log, uploads, cookie. Mode 0700. */
  folder: Path,
  /** Certificate and key in one PEM file. */
  certificate: Path,
  /** What has signed the certificate, where that is not an authority that Debian knows. */
  authority: Path.optional(),
  listen: z.strictObject({
    /** Clients, with STARTTLS required. */
    starttls: z.array(Address).min(1),
    /** Clients, with TLS from the first byte (XEP-0368). */
    directTls: z.array(Address),
    /** WebSocket (RFC 7395) at /ws and uploads (XEP-0363) at /upload, in the clear. */
    http: z.array(Private),
    /** The same with TLS. */
    https: z.array(Address).default([]),
    /** Who reaches this owns the server: sockets only. */
    api: z.array(Address.refine((at) => 'socket' in at, 'use a UNIX socket: it asks for no password')),
    /** XEP-0114 has no TLS: loopback, a UNIX socket, or a network that nobody else is in. */
    component: z.array(Address),
  }),
  /** Domains of components, each with a secret of its own. */
  components: z.record(z.hostname(), z.string().min(16, 'use 16 characters or more')).default({}),
  /** Where clients find /upload. */
  httpUrl: z.url().default('http://127.0.0.1:5280'),
  /**
   * What SCRAM is stored and offered with. An account that was made with the one cannot log in with the other.
   * SHA-1 is what every client has: Dino, for one, has nothing else. In SCRAM it is not known to be weak (RFC 7677 section 4).
   */
  scram: z.enum(['sha', 'sha256', 'sha512']).default('sha'),
  /** A client that says nothing for so long is asked whether it is there; one that does not answer is given up half a minute later. */
  silenceS: z.int().min(1).default(60),
  logLevel: z.enum(['none', 'error', 'warning']).default('warning'),
  /** 0: somebody else (logrotate) does it. */
  logRotateCount: z.int().min(0).default(1),
});
export type EjabberdOptions = z.input<typeof EjabberdOptions>;
