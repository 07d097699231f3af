import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { ensureCertificates } from '#provisioning/pki/certificates.ts';
import { newKey, signServer } from '#provisioning/pki/sign.ts';

describe('certificates of a site', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'skerry-test-pki-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const certificateOf = async (file: string): Promise<X509Certificate> => new X509Certificate(await readFile(file));
  const modeOf = async (file: string): Promise<number> => (await stat(file)).mode & 0o777;

  it('are for the domain, its services and this machine, and signed by the authority', async () => {
    const { ca, server } = await ensureCertificates(folder, 'skerry.test');
    const certificate = await certificateOf(server);
    for (const name of ['skerry.test', 'conference.skerry.test', 'anything.skerry.test', 'localhost'])
      assert.ok(certificate.checkHost(name), name);
    assert.equal(certificate.checkHost('a.b.skerry.test'), undefined);
    assert.equal(certificate.checkHost('skerry.example'), undefined);
    assert.ok(certificate.checkIP('127.0.0.1') && certificate.checkIP('::1'));
    const authority = await certificateOf(ca);
    assert.ok(certificate.verify(authority.publicKey) && authority.ca && !certificate.ca);
    assert.doesNotMatch(await readFile(ca, 'utf8'), /PRIVATE KEY/);
  });

  it('have keys that only the owner reads, also where somebody loosened that', async () => {
    const { server } = await ensureCertificates(folder, 'skerry.test');
    await chmod(server, 0o644);
    await ensureCertificates(folder, 'skerry.test');
    assert.deepEqual([await modeOf(server), await modeOf(join(folder, 'ca.key'))], [0o600, 0o600]);
  });

  it('are kept while they are good', async () => {
    const first = await ensureCertificates(folder, 'skerry.test');
    const text = await readFile(first.server, 'utf8');
    const second = await ensureCertificates(folder, 'skerry.test');
    assert.deepEqual(second.made, []);
    assert.equal(await readFile(first.server, 'utf8'), text);
  });

  it('are made anew for another domain or another name, by the same authority', async () => {
    const { ca, server } = await ensureCertificates(folder, 'skerry.test');
    const authority = await readFile(ca, 'utf8');
    assert.deepEqual((await ensureCertificates(folder, 'skerry.test', ['xmpp.example.org'])).made, [server]);
    assert.deepEqual((await ensureCertificates(folder, 'other.test', ['10.0.0.1'])).made, [server]);
    assert.ok((await certificateOf(server)).checkIP('10.0.0.1'));
    assert.equal(await readFile(ca, 'utf8'), authority);
  });

  it('are made anew before they run out', async () => {
    const { ca, server } = await ensureCertificates(folder, 'skerry.test');
    const until = async (days: number): Promise<readonly string[]> => {
      const names = (await certificateOf(server)).subjectAltName ?? '';
      const key = newKey();
      const [authority, authorityKey] = await Promise.all([
        readFile(ca, 'utf8'),
        readFile(join(folder, 'ca.key'), 'utf8'),
      ]);
      const all = names.split(', ').map((name) => name.replace(/^(DNS|IP Address):/, ''));
      await writeFile(server, (await signServer(all, key, authority, authorityKey, days)) + key);
      return (await ensureCertificates(folder, 'skerry.test')).made;
    };
    assert.deepEqual(await until(29), [server]);
    assert.deepEqual(await until(31), []);
  });

  it('are made anew where the file is broken or by another authority', async () => {
    const { ca, server } = await ensureCertificates(folder, 'skerry.test');
    await writeFile(server, 'no certificate');
    assert.deepEqual((await ensureCertificates(folder, 'skerry.test')).made, [server]);
    await rm(ca);
    await rm(join(folder, 'ca.key'));
    assert.deepEqual((await ensureCertificates(folder, 'skerry.test')).made, [ca, server]);
  });

  it('do not replace an authority whose key is kept elsewhere', async () => {
    const { ca } = await ensureCertificates(folder, 'skerry.test');
    const authority = await readFile(ca, 'utf8');
    await rm(join(folder, 'ca.key'));
    assert.deepEqual((await ensureCertificates(folder, 'skerry.test')).made, []);
    await assert.rejects(ensureCertificates(folder, 'other.test'), { code: 'setup-needed', message: /ca\.key/ });
    assert.equal(await readFile(ca, 'utf8'), authority);
  });

  it('keep the key of the authority when its certificate is renewed', async () => {
    const { ca, server } = await ensureCertificates(folder, 'skerry.test');
    const before = await certificateOf(ca);
    await rm(ca);
    assert.deepEqual((await ensureCertificates(folder, 'skerry.test')).made, [ca]);
    assert.ok((await certificateOf(ca)).publicKey.equals(before.publicKey));
    assert.ok((await certificateOf(server)).verify(before.publicKey));
  });

  it('are not made for what is no name', async () => {
    for (const name of ['', 'a b', 'x\n[extensions]', 'a,DNS:evil.test', '*.test'])
      await assert.rejects(ensureCertificates(folder, 'skerry.test', [name]), { code: 'bad-argument' }, name);
    await assert.rejects(ensureCertificates(folder, '../x'), { code: 'bad-argument' });
  });
});
