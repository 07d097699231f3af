import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer as plainServer } from 'node:http';
import { createServer as tlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { put } from '#central/pictures/put.ts';
import { ensureCertificates } from '#provisioning/pki/certificates.ts';

const BYTES = Buffer.from('a picture');
const more = () => ({ headers: { authorization: 'slot 7' }, signal: AbortSignal.timeout(30_000) });

describe('what is put on the upload service', function () {
  this.timeout(60_000);
  let folder: string;
  let ca: string;
  const took: string[] = [];
  const closing: (() => void)[] = [];
  let secure: string;
  let plain: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'skerry-put-'));
    const certificates = await ensureCertificates(join(folder, 'pki'), 'localhost');
    ca = await readFile(certificates.ca, 'utf8');
    const pem = await readFile(certificates.server);
    const taking: Parameters<typeof plainServer>[1] = (asked, answer) => {
      const parts: Buffer[] = [];
      asked.on('data', (part) => parts.push(part));
      asked.on('end', () => {
        took.push(`${asked.method} ${asked.url} ${asked.headers.authorization} ${Buffer.concat(parts)}`);
        answer.writeHead(asked.url === '/refused' ? 413 : asked.url === '/moved' ? 302 : 201, { location: '/fine' });
        answer.end('words that nobody reads');
      });
    };
    const begun = async (server: ReturnType<typeof plainServer>): Promise<number> => {
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      closing.push(() => server.close());
      return (server.address() as AddressInfo).port;
    };
    secure = `https://localhost:${await begun(tlsServer({ key: pem, cert: pem }, taking))}`;
    plain = `http://127.0.0.1:${await begun(plainServer({}, taking))}`;
  });
  after(async () => {
    for (const close of closing) close();
    await rm(folder, { recursive: true, force: true });
  });

  it('goes by TLS, with the headers of the slot, to whoever the authority vouches for', async () => {
    await put(`${secure}/fine`, BYTES, { ...more(), ca });
    assert.deepEqual(took.splice(0), ['PUT /fine slot 7 a picture']);
    await assert.rejects(put(`${secure}/fine`, BYTES, more()), /certificate/);
    assert.deepEqual(took, []);
  });

  it('goes in the clear to this machine alone', async () => {
    await put(`${plain}/fine`, BYTES, more());
    assert.deepEqual(took.splice(0), ['PUT /fine slot 7 a picture']);
    await assert.rejects(put('http://192.0.2.1/fine', BYTES, more()), /192\.0\.2\.1 is to be sent to in the clear/);
  });

  it('has failed where the server says so, and follows nobody elsewhere', async () => {
    await assert.rejects(put(`${plain}/refused`, BYTES, more()), /it answered 413/);
    await assert.rejects(put(`${plain}/moved`, BYTES, more()), /it answered 302/);
    assert.equal(took.splice(0).length, 2);
    await assert.rejects(put('http://127.0.0.1:1/fine', BYTES, more()), /ECONNREFUSED/);
    await assert.rejects(put(`${plain}/fine`, BYTES, { headers: {}, signal: AbortSignal.abort() }), /abort/);
  });
});
