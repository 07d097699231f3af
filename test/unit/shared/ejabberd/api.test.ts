import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import { type EjabberdApi, ejabberdApi } from '#shared/ejabberd/api.ts';

const ACCOUNT = { user: 'alice', host: 'skerry.test' };

describe('client of the API of ejabberd', () => {
  let folder: string;
  let server: Server;
  let api: EjabberdApi;
  let answer: (response: ServerResponse) => void;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'skerry-test-api-'));
    server = createServer((_, response) => answer(response));
    await once(server.listen(join(folder, 'api.sock')), 'listening');
    api = ejabberdApi({ socket: join(folder, 'api.sock') });
  });
  after(async () => {
    server.close();
    await rm(folder, { recursive: true });
  });

  it('reads what it is answered', async () => {
    answer = (response) => response.end('["alice","bob"]');
    assert.deepEqual(await api('registered_users', { host: 'skerry.test' }), ['alice', 'bob']);
  });

  it('says what was refused, and tells no secret', async () => {
    answer = (response) =>
      response.writeHead(409).end('{"status":"error","code":10090,"message":"already registered"}');
    await assert.rejects(api('register', { ...ACCOUNT, password: 'Tell-nobody' }), (error: Error) => {
      assert.match(error.message, /register answered 409: already registered/);
      assert.doesNotMatch(JSON.stringify([error, { ...error }, error.stack]), /Tell-nobody/);
      return true;
    });
  });

  it('does not take an answer of another form', async () => {
    for (const text of ['2', '"0"', 'not JSON', '']) {
      answer = (response) => response.end(text);
      await assert.rejects(api('check_account', ACCOUNT), { code: 'peer-refused' }, text);
    }
  });

  it('says so where an answer is cut off, or nobody listens', async () => {
    answer = (response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('[', () => response.destroy());
    };
    await assert.rejects(api('connected_users', {}), { code: 'server-unreachable' });
    const nobody = ejabberdApi({ socket: join(folder, 'nobody.sock') });
    await assert.rejects(nobody('connected_users', {}), { code: 'server-unreachable', message: /ENOENT/ });
  });

  it('does not read without end', async () => {
    answer = (response) => {
      const chunk = Buffer.alloc(1_048_576, ' ');
      const more = (error?: Error | null): unknown => error ?? response.write(chunk, more);
      more();
    };
    await assert.rejects(api('connected_users', {}), { code: 'server-unreachable', message: /too long/ });
  });
});
