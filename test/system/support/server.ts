import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '#provisioning/ejabberd/free-ports.ts';
import { type Ejabberd, type StartOptions, startEjabberd } from '#provisioning/ejabberd/server.ts';
import { ensureCertificates } from '#provisioning/pki/certificates.ts';
import { type Credentials, ensureAccount } from '#shared/ejabberd/accounts.ts';
import type { EjabberdApi } from '#shared/ejabberd/api.ts';

export interface TestServer {
  readonly domain: string;
  readonly folder: string;
  /** PEM. */
  readonly ca: string;
  readonly caFile: string;
  readonly xmpp: { host: string; port: number; directTlsPort: number; websocketUrl: string };
  readonly componentPort: number;
  readonly accounts: ReadonlyMap<string, Credentials>;
  readonly api: EjabberdApi;
  readonly pid: number;
  /** @throws where testServer was not asked to make it */
  account(name: string): Credentials;
  /** SIGKILL; resolves when it is gone. `start` brings the same server again. */
  kill9(): Promise<void>;
  start(): Promise<void>;
  /** End it in order, and start it again. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** A private ejabberd on free ports of 127.0.0.1, everything in a temporary folder that `stop` removes. */
export async function testServer(options: {
  accounts: readonly string[];
  components?: Readonly<Record<string, string>>;
  scram?: StartOptions['scram'];
}): Promise<TestServer> {
  const domain = 'skerry.test';
  const folder = await mkdtemp(join(tmpdir(), 'skerry-server-'));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true, maxRetries: 5 });
  const [port = 0, directTlsPort = 0, httpPort = 0, componentPort = 0] = await freePorts(4);
  const certificates = await ensureCertificates(join(folder, 'pki'), domain);
  const at = (number: number) => [{ ip: '127.0.0.1', port: number }];
  const start: StartOptions = {
    domain,
    folder: join(folder, 'ejabberd'),
    certificate: certificates.server,
    authority: certificates.ca,
    httpUrl: `http://127.0.0.1:${httpPort}`,
    components: { ...options.components },
    ...(options.scram === undefined ? {} : { scram: options.scram }),
    listen: {
      starttls: at(port),
      directTls: at(directTlsPort),
      http: at(httpPort),
      component: at(componentPort),
      api: [{ socket: join(folder, 'api.sock') }],
    },
  };
  let server: Ejabberd = await startEjabberd(start).catch(async (error) => {
    await remove();
    throw error;
  });
  const accounts = new Map<string, Credentials>();
  for (const name of options.accounts)
    accounts.set(name, await ensureAccount(server.api, { jid: `${name}@${domain}`, password: `pw-${name}` }));
  const begin = async (): Promise<void> => {
    server = await startEjabberd(start);
  };
  return {
    domain,
    folder,
    caFile: certificates.ca,
    ca: await readFile(certificates.ca, 'utf8'),
    componentPort,
    accounts,
    xmpp: { host: '127.0.0.1', port, directTlsPort, websocketUrl: `ws://127.0.0.1:${httpPort}/ws` },
    api: (command, args) => server.api(command, args),
    get pid() {
      return server.pid;
    },
    account(name) {
      const account = accounts.get(name);
      if (account === undefined) throw new Error(`testServer was not asked for an account ${name}`);
      return account;
    },
    kill9: () => server.kill(),
    start: begin,
    async restart() {
      await server.stop();
      await begin();
    },
    async stop() {
      await server.stop();
      await remove();
    },
  };
}
