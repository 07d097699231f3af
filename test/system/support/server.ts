import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EjabberdApi } from '#provisioning/ejabberd/api.ts';
import { type Ejabberd, type StartOptions, startEjabberd } from '#provisioning/ejabberd/server.ts';
import { ensureAccount } from '#provisioning/enrol/accounts.ts';
import { ensureCertificates } from '#provisioning/pki/certificates.ts';

export interface TestServer {
  readonly domain: string;
  readonly folder: string;
  readonly ca: string;
  readonly caFile: string;
  readonly xmpp: { host: string; port: number; directTlsPort: number; websocketUrl: string };
  readonly componentPort: number;
  readonly accounts: ReadonlyMap<string, { jid: string; password: string }>;
  readonly api: EjabberdApi;
  account(name: string): { jid: string; password: string };
  kill9(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** A private ejabberd on free ports of 127.0.0.1, everything in a temporary folder that `stop` removes. */
export async function testServer(options: {
  accounts: readonly string[];
  components?: Readonly<Record<string, string>>;
}): Promise<TestServer> {
  const domain = 'skerry.test';
  const folder = await mkdtemp(join(tmpdir(), 'skerry-server-'));
  const [port = 0, directTlsPort = 0, httpPort = 0, componentPort = 0] = await freePorts(4);
  const certificates = await ensureCertificates(join(folder, 'pki'), domain);
  const at = (number: number) => [{ ip: '127.0.0.1', port: number }];
  const start: StartOptions = {
    domain,
    folder: join(folder, 'ejabberd'),
    certificate: certificates.server,
    httpUrl: `http://127.0.0.1:${httpPort}`,
    components: { ...options.components },
    listen: {
      starttls: at(port),
      directTls: at(directTlsPort),
      http: at(httpPort),
      component: at(componentPort),
      api: [{ socket: join(folder, 'api.sock') }],
    },
  };
  let server: Ejabberd = await startEjabberd(start);
  const accounts = new Map(
    options.accounts.map((name) => [name, { jid: `${name}@${domain}`, password: `pw-${name}` }]),
  );
  for (const account of accounts.values()) await ensureAccount(server.api, account);
  return {
    domain,
    folder,
    caFile: certificates.ca,
    ca: await readFile(certificates.ca, 'utf8'),
    componentPort,
    accounts,
    xmpp: { host: '127.0.0.1', port, directTlsPort, websocketUrl: `ws://127.0.0.1:${httpPort}/ws` },
    api: (command, args) => server.api(command, args),
    account: (name) => accounts.get(name) ?? { jid: `${name}@${domain}`, password: '' },
    kill9: () => server.kill(),
    start: async () => {
      server = await startEjabberd(start);
    },
    stop: async () => {
      await server.stop();
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Ports of 127.0.0.1 that nobody has at this moment; all are held until all are found, so that they differ. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
