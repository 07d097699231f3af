import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import { authorityAt, digestOf } from '#provisioning/enrol/authority.ts';
import { serviceIn } from '#provisioning/enrol/service.ts';
import { ensureCertificates } from '#provisioning/pki/certificates.ts';
import { hostChanges } from '#provisioning/roles/host.ts';
import { groundAt } from '#provisioning/systemd/ground.ts';
import { Failure } from '#shared/errors.ts';

/** Nobody listens there: what is fetched all the same fails. */
const SERVICE = '127.0.0.1:1';

describe('a host that is told an authority by its digest', () => {
  let root: string;
  let own: string;
  let other: string;
  before(async () => {
    root = mkdtempSync(join(tmpdir(), 'skerry-pinned-'));
    const made = async (name: string): Promise<string> =>
      readFileSync((await ensureCertificates(join(root, name), 'example.org')).ca, 'utf8');
    [own, other] = await Promise.all([made('own'), made('other')]);
    await mkdir(join(root, 'etc/skerry'), { recursive: true });
    writeFileSync(join(root, 'account.json'), '{"jid":"host1@example.org","password":"secret"}');
  });
  after(() => rmSync(root, { recursive: true, force: true }));

  /** What is still to be done for the authority, or the failure of finding that out. */
  async function dueFor(ca: string): Promise<string | undefined> {
    const told = { credentials: join(root, 'account.json'), service: SERVICE, admins: ['ada@example.org'] };
    const changes = await hostChanges(groundAt(root), { ...told, ca });
    const due = changes.map((change) =>
      change.missing([]).catch((error) => (error instanceof Failure ? error.code : undefined)),
    );
    return (await Promise.all(due)).find((what) => what?.endsWith('/ca.pem') || what === 'server-unreachable');
  }
  const pinOf = (pem: string): string => `sha256:${digestOf(new X509Certificate(pem).fingerprint256)}`;

  it('fetches it, does not take another that is there for it, and keeps the right one', async () => {
    const file = join(root, 'etc/skerry/ca.pem');
    assert.equal(await dueFor(pinOf(own)), 'write /etc/skerry/ca.pem');
    writeFileSync(file, other);
    assert.equal(await dueFor(pinOf(own)), 'server-unreachable');
    writeFileSync(file, other + own, { mode: 0o644 });
    assert.doesNotMatch((await dueFor(pinOf(own).toUpperCase())) ?? '', /write|change|unreachable/);
  });

  it('leaves it to its administrator once the host has its account', async () => {
    writeFileSync(join(root, 'etc/skerry/ca.pem'), other, { mode: 0o644 });
    writeFileSync(join(root, 'etc/skerry/credentials.json'), '{}');
    assert.doesNotMatch((await dueFor(pinOf(own))) ?? '', /write|change|unreachable/);
  });

  it('says so where it is no digest', async () => {
    await assert.rejects(authorityAt('sha256:abc', serviceIn(SERVICE), 'example.org'), { code: 'bad-argument' });
  });
});
