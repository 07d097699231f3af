import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import xml from '@xmpp/xml';
import { after, before, describe, it } from 'mocha';
import { GenericContainer, getContainerRuntimeClient, ImageName, type StartedTestContainer } from 'testcontainers';
import { environment, erlang } from '#provisioning/ejabberd/erl.ts';
import { freePorts } from '#provisioning/ejabberd/free-ports.ts';
import { prepare, type StartOptions } from '#provisioning/ejabberd/server.ts';
import { ensureCertificates } from '#provisioning/pki/certificates.ts';
import { ensureAccount } from '#shared/ejabberd/accounts.ts';
import { ejabberdApi } from '#shared/ejabberd/api.ts';
import { messageOf } from '#shared/errors.ts';
import { xmppClient } from '#shared/xmpp/connection/client.ts';
import { until } from './support/rig.ts';

/** Debian with its package ejabberd, made beforehand: docs/testing-containers.md says how. Nothing is fetched. */
const IMAGE = process.env.SKERRY_EJABBERD_IMAGE ?? 'localhost/skerry-ejabberd:bookworm';
const DOMAIN = 'skerry.test';
/** What an unprivileged engine may grant as well; the engine's own defaults may be above what this machine allows. */
const LIMITS = { nofile: { soft: 4_096, hard: 4_096 }, nproc: { soft: 4_096, hard: 4_096 } };

/** Why there can be no container here, if there can be none. */
async function hindrance(): Promise<string | undefined> {
  try {
    const engine = await getContainerRuntimeClient();
    if (await engine.image.exists(ImageName.fromString(IMAGE))) return undefined;
    return `the container engine has no image ${IMAGE}; docs/testing-containers.md says how to make it`;
  } catch (error) {
    return `no container engine answers here (${messageOf(error)})`;
  }
}

/** The server's files, as for a child process: the container sees the folder at the same place. */
async function serverIn(folder: string): Promise<{ options: StartOptions; port: number; ca: string; socket: string }> {
  const [port = 0] = await freePorts(1);
  const certificates = await ensureCertificates(join(folder, 'pki'), DOMAIN);
  const socket = join(folder, 'api.sock');
  const options: StartOptions = {
    domain: DOMAIN,
    folder: join(folder, 'ejabberd'),
    certificate: certificates.server,
    authority: certificates.ca,
    listen: { starttls: [{ ip: '127.0.0.1', port }], directTls: [], http: [], component: [], api: [{ socket }] },
  };
  await prepare(options);
  return { options, port, ca: await readFile(certificates.ca, 'utf8'), socket };
}

describe('ejabberd in a container', function () {
  this.timeout(120_000);
  let folder: string;
  let container: StartedTestContainer | undefined;

  before(async function () {
    const why = await hindrance();
    if (why !== undefined) {
      process.stderr.write(`    ejabberd in a container is not tested: ${why}\n`);
      this.skip();
    }
    folder = await mkdtemp(join(tmpdir(), 'skerry-container-'));
  });
  after(async () => {
    await container?.stop();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  it('comes up with the configuration of a child process, and lets somebody in', async () => {
    const { options, port, ca, socket } = await serverIn(folder);
    const { PATH: _, ...env } = await environment(options.folder);
    container = await new GenericContainer(IMAGE)
      .withNetworkMode('host')
      .withUlimits(LIMITS)
      .withBindMounts([{ source: folder, target: folder }])
      .withEnvironment(env as Record<string, string>)
      .withCommand(erlang(options.folder))
      .start();
    const api = ejabberdApi({ socket });
    await until('ejabberd answers', () =>
      api('status', {}).then(
        () => true,
        () => false,
      ),
    );
    const account = await ensureAccount(api, { jid: `alice@${DOMAIN}`, password: 'pw-alice' });
    const bugs: unknown[] = [];
    const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
    const alice = xmppClient({
      ...account,
      resource: 'test',
      service: { host: '127.0.0.1', port },
      ca,
      log,
      onBug: (error) => bugs.push(error),
    });
    await alice.start();
    try {
      const pong = await alice.request({ to: DOMAIN, type: 'get', child: xml('ping', { xmlns: 'urn:xmpp:ping' }) });
      assert.equal(pong.attrs.type, 'result');
      assert.equal(alice.fullJid, `alice@${DOMAIN}/test`);
      assert.deepEqual(bugs, []);
    } finally {
      await alice.stop();
    }
  });
});
