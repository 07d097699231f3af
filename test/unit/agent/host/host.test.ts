import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'mocha';
import { healthKeeper, parseCpuTimes, parseMeminfo } from '#agent/host/health.ts';
import { ensureCertificates } from '#provisioning/pki/certificates.ts';
import { authorityFinding } from '#shared/doctor/certificates.ts';
import { clockFinding } from '#shared/doctor/clock.ts';
import { HostHealth } from '#shared/model/host.ts';

const DAY_MS = 86_400_000;

describe('health of a host', () => {
  it('reads /proc/meminfo as it is printed', async () => {
    const text = await readFile(new URL('../../../fixtures/proc/meminfo.txt', import.meta.url), 'utf8');
    const memory = parseMeminfo(text);
    const line = (key: string) => Number(new RegExp(`^${key}: +(\\d+) kB`, 'm').exec(text)?.[1]);
    for (const key of ['MemTotal', 'MemAvailable', 'SwapTotal', 'SwapFree']) {
      assert.ok(Number.isFinite(line(key)));
      assert.equal(memory.get(key), line(key));
    }
    assert.deepEqual(parseMeminfo(''), new Map());
  });

  it('reads of /proc/stat what all processors did', () => {
    const text = 'cpu  200 10 50 4000 14 3 11 7 180 0\ncpu0 100 5 25 2000 7 1 5 3 90 0\nintr 5 4\n';
    assert.deepEqual(parseCpuTimes(text), { all: 4295, idle: 4014 });
    assert.deepEqual(parseCpuTimes(''), { all: 0, idle: 0 });
  });

  it('answers figures that the table allows, the newest first', () => {
    const health = healthKeeper('here', tmpdir(), () => Date.UTC(2026, 0, 1));
    const [sample, ...more] = health.samples(5);
    assert.deepEqual(more, []);
    const checked = HostHealth.parse(sample);
    assert.equal(checked.at, '2026-01-01T00:00:00.000Z');
    assert.ok(checked.memoryMiB >= checked.memoryAvailableMiB && checked.memoryAvailableMiB > 0);
    health.stop();
  });
});

describe('findings about a host', () => {
  it('says how long the certificate authority holds', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'skerry-ca-'));
    try {
      const { ca } = await ensureCertificates(folder, 'skerry.test');
      const pem = await readFile(ca, 'utf8');
      assert.equal(authorityFinding(pem, ca, Date.now()).verdict, 'ok');
      const late = authorityFinding(pem, ca, Date.now() + 100 * 365 * DAY_MS);
      assert.equal(late.verdict, 'wrong');
      assert.match(late.found, /expired/);
      assert.match(late.mend ?? '', /ca/);
    } finally {
      await rm(folder, { recursive: true });
    }
    assert.equal(authorityFinding('', '/ca.pem', 0).verdict, 'wrong');
    assert.equal(
      authorityFinding('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----', '/ca.pem', 0).verdict,
      'wrong',
    );
  });

  it("compares the clock with the server's", async () => {
    const now = () => 1_000_000;
    const by = async (s: number) => (await clockFinding(async () => 1_000_000 - s * 1000, now)).verdict;
    assert.equal(await by(0), 'ok');
    assert.equal(await by(-29), 'ok');
    assert.equal(await by(31), 'wrong');
    assert.match((await clockFinding(async () => 0, now)).found, /1000 s ahead/);
    const unknown = await clockFinding(() => Promise.reject(new Error('no connection')), now);
    assert.equal(unknown.verdict, 'warning');
    assert.match(unknown.found, /no connection/);
  });
});
