import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { parse } from 'yaml';
import { ejabberdConfig } from '#provisioning/ejabberd/config.ts';
import type { EjabberdOptions } from '#provisioning/ejabberd/options.ts';

const at = (port: number) => ({ ip: '127.0.0.1', port });
const OPTIONS: EjabberdOptions = {
  domain: 'skerry.test',
  folder: '/srv/ejabberd',
  certificate: '/srv/pki/server.pem',
  listen: {
    starttls: [{ ip: '::', port: 5222 }],
    directTls: [at(5223)],
    http: [{ socket: '/run/http.sock' }],
    https: [{ ip: '::', port: 5443 }],
    api: [{ socket: '/run/api.sock' }],
    component: [at(5347)],
  },
  components: { 'central.skerry.test': '0123456789012345' },
};
const listenersOf = (options: EjabberdOptions): Record<string, unknown>[] => parse(ejabberdConfig(options)).listen;

describe('configuration of ejabberd', () => {
  it('has a listener for each address, the API last', () => {
    const places = listenersOf(OPTIONS).map(({ ip, port }) => `${ip ?? ''} ${port}`);
    assert.deepEqual(places, [
      ':: 5222',
      '127.0.0.1 5223',
      ' unix:/run/http.sock',
      ':: 5443',
      '127.0.0.1 5347',
      ' unix:/run/api.sock',
    ]);
  });

  it('has the API on its own listener and on no other', () => {
    const handlers = listenersOf(OPTIONS).map(({ request_handlers }) => Object.keys(request_handlers ?? {}));
    assert.deepEqual(handlers, [[], [], ['/ws', '/upload'], ['/ws', '/upload'], [], ['/api']]);
  });

  it('has TLS on every listener that is not of this machine', () => {
    for (const { ip, tls, starttls_required: starttls } of listenersOf(OPTIONS))
      if (ip === '::') assert.ok(tls ?? starttls);
  });

  it('takes no component where there is none: without domains it would take all', () => {
    const modules = listenersOf({ ...OPTIONS, components: {} }).map(({ module }) => module);
    assert.ok(!modules.includes('ejabberd_service'));
  });

  it('asks who is silent after the time that was said', () => {
    const ping = (more: object) => parse(ejabberdConfig({ ...OPTIONS, ...more })).modules.mod_ping;
    assert.deepEqual(ping({}), { send_pings: true, ping_interval: 60 });
    assert.deepEqual(ping({ silenceS: 10 }), { send_pings: true, ping_interval: 10 });
  });

  it('keeps texts as texts', () => {
    const secret = '0123456789e01234';
    const text = ejabberdConfig({ ...OPTIONS, components: { 'c.skerry.test': secret } });
    assert.match(text, new RegExp(`password: "${secret}"`));
    assert.match(text, /ip: "::"/);
  });

  it('bounds uploads in numbers: a quoted one would be the name of a shaper', () => {
    const text = ejabberdConfig(OPTIONS);
    assert.match(text, /soft_upload_quota:\n +900: "all"\n/);
    assert.match(text, /hard_upload_quota:\n +1000: "all"\n/);
  });

  it('names what is wrong', () => {
    const listen = OPTIONS.listen;
    const wrong: [Partial<EjabberdOptions>, RegExp][] = [
      [{ domain: 'a b' }, /at domain/],
      [{ folder: 'relative' }, /absolute path.*at folder/s],
      [{ components: { 'c.skerry.test': 'short' } }, /16 characters.*components/s],
      [{ listen: { ...listen, http: [{ ip: '10.0.0.1', port: 80 }] } }, /in the clear.*listen\.http/s],
      [{ listen: { ...listen, api: [at(5281)] } }, /UNIX socket.*listen\.api/s],
      [{ listen: { ...listen, starttls: [] } }, /listen\.starttls/],
      [{ listen: { ...listen, api: [{ socket: `/${'x'.repeat(120)}` }] } }, /shorter path/],
      [{ surprise: 1 } as object, /surprise/],
    ];
    for (const [part, message] of wrong)
      assert.throws(() => ejabberdConfig({ ...OPTIONS, ...part }), { code: 'config-invalid', message });
  });
});
