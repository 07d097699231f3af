import { join } from 'node:path';
import { stringify } from 'yaml';
import { z } from 'zod';
import type { Address } from '#shared/ejabberd/address.ts';
import { Failure } from '#shared/errors.ts';
import { EjabberdOptions } from './options.ts';

/** What passes whole: a table of 1,000 guests, a definition with many devices. */
const STANZA_BYTES_MAX = 524_288;
const UPLOAD_BYTES_MAX = 104_857_600;
/** Of one account, together. */
const UPLOAD_MIB = { soft: 900, hard: 1_000 };
const UPLOAD_DAYS_MAX = 30;
const TLS_OPTIONS = ['no_sslv3', 'no_tlsv1', 'no_tlsv1_1', 'cipher_server_preference', 'no_compression'];

/**
 * The configuration of an ejabberd (23.01 or later) for a closed site: TLS required, SCRAM only, no registration by
 * clients, no other servers, nothing that looks a name up outside.
 *
 * @throws Failure config-invalid naming the option
 * Source: docs.ejabberd.im/admin/configuration
 */
export function ejabberdConfig(given: EjabberdOptions): string {
  const { data: options, error } = EjabberdOptions.safeParse(given);
  if (error) throw new Failure('config-invalid', { file: 'options of ejabberd', problem: z.prettifyError(error) });
  const config = {
    ...base(options),
    listen: listeners(options),
    ...access(options),
    modules: modules(options),
  };
  // Quoted, no text can be read as a number, a boolean or YAML's own signs: libyaml's rules differ from this writer's.
  return stringify(config, {
    defaultStringType: 'QUOTE_DOUBLE',
    defaultKeyType: 'PLAIN',
    lineWidth: 0,
    aliasDuplicateObjects: false,
  });
}

type Parsed = z.output<typeof EjabberdOptions>;

const base = ({ domain, certificate, authority, scram, logLevel, logRotateCount }: Parsed): object => ({
  // From `info` on, passwords pass through the API's log.
  loglevel: logLevel,
  log_rotate_count: logRotateCount,
  hosts: [domain],
  certfiles: [certificate],
  ...(authority === undefined ? {} : { ca_file: authority }),
  acme: { auto: false },
  auth_method: ['mnesia'],
  auth_password_format: 'scram',
  auth_scram_hash: scram,
  disable_sasl_mechanisms: ['plain', 'digest-md5', 'x-oauth2'],
  c2s_protocol_options: TLS_OPTIONS,
  registration_timeout: 'infinity',
  max_fsm_queue: 10_000,
  s2s_access: 'none',
  s2s_use_starttls: 'required',
});

/** The API comes last: when it answers, all others listen. */
function listeners({ listen, components }: Parsed): object[] {
  const c2s = {
    module: 'ejabberd_c2s',
    max_stanza_size: STANZA_BYTES_MAX,
    access: 'local_users',
    shaper: 'none',
    backlog: 1024,
  };
  const http = {
    module: 'ejabberd_http',
    request_handlers: { '/ws': 'ejabberd_http_ws', '/upload': 'mod_http_upload' },
  };
  const component = {
    module: 'ejabberd_service',
    access: 'all',
    shaper: 'none',
    backlog: 256,
    // With the default, whoever logs in for one of these domains is handed all of them.
    global_routes: false,
    hosts: Object.fromEntries(Object.entries(components).map(([name, password]) => [name, { password }])),
  };
  const api = { module: 'ejabberd_http', request_handlers: { '/api': 'mod_http_api' } };
  return [
    ...listen.starttls.map((at) => ({ ...placed(at), ...c2s, starttls_required: true })),
    ...listen.directTls.map((at) => ({ ...placed(at), ...c2s, tls: true })),
    ...listen.http.map((at) => ({ ...placed(at), ...http })),
    ...listen.https.map((at) => ({ ...placed(at), ...http, tls: true, protocol_options: TLS_OPTIONS })),
    // Without a domain of its own it would take any.
    ...(Object.keys(components).length > 0 ? listen.component.map((at) => ({ ...placed(at), ...component })) : []),
    ...listen.api.map((at) => ({ ...placed(at), ...api })),
  ];
}

const placed = (at: Address): object => ('socket' in at ? { port: `unix:${at.socket}` } : at);

const access = ({ domain }: Parsed): object => ({
  acl: {
    local_users: { user_regexp: '' },
    loopback: { ip: ['127.0.0.0/8', '::1/128'] },
    central: { server: `central.${domain}` },
  },
  access_rules: {
    local_users: { allow: 'local_users' },
    central: { allow: 'central' },
    nobody: { deny: 'all' },
    loopback: { allow: 'loopback' },
    people_and_central: [{ allow: 'local_users' }, { allow: 'central' }],
  },
  shaper_rules: {
    // A quoted number would be the name of a shaper that nobody knows.
    soft_upload_quota: new Map([[UPLOAD_MIB.soft, 'all']]),
    hard_upload_quota: new Map([[UPLOAD_MIB.hard, 'all']]),
  },
  api_permissions: {
    ejabberdctl: { from: ['ejabberd_ctl'], who: 'all', what: '*' },
    // Only the API's own listeners have the handler: see EjabberdOptions.listen.api.
    'owner of the socket': { from: ['mod_http_api'], who: 'all', what: ['*', '!stop', '!restart'] },
  },
});

const modules = ({ folder, domain, httpUrl, silenceS }: Parsed): object => ({
  mod_adhoc: {},
  mod_admin_extra: {},
  mod_blocking: {},
  mod_caps: {},
  mod_carboncopy: {},
  mod_client_state: {},
  mod_disco: {},
  // Whoever guesses passwords from elsewhere is not heard for an hour after 20 of them.
  mod_fail2ban: { access: 'loopback' },
  mod_http_api: {},
  mod_http_upload: {
    docroot: join(folder, 'upload'),
    put_url: `${httpUrl}/upload`,
    get_url: `${httpUrl}/upload`,
    host: `upload.${domain}`,
    access: 'people_and_central',
    max_size: UPLOAD_BYTES_MAX,
    secret_length: 40,
    dir_mode: '0700',
    file_mode: '0600',
  },
  // Whoever goes over the hard bound loses their oldest files, down to the soft one.
  mod_http_upload_quota: { max_days: UPLOAD_DAYS_MAX },
  mod_last: {},
  mod_mam: { assume_mam_usage: true, default: 'always' },
  mod_muc: {
    host: `conference.${domain}`,
    access: 'people_and_central',
    access_admin: 'nobody',
    access_create: 'people_and_central',
    access_persistent: 'people_and_central',
    access_mam: 'local_users',
    default_room_options: { mam: true, persistent: true },
  },
  mod_muc_admin: {},
  mod_offline: {},
  // Who says nothing for so long is asked, so that a machine that has lost its power or its cable is found out.
  mod_ping: { send_pings: true, ping_interval: silenceS },
  mod_privacy: {},
  mod_private: {},
  mod_privilege: {
    roster: { both: 'central' },
    message: { outgoing: 'central' },
    presence: { managed_entity: 'central', roster: 'central' },
  },
  mod_pubsub: {
    host: `pubsub.${domain}`,
    access_createnode: 'people_and_central',
    plugins: ['flat', 'pep'],
    max_items_node: 1000,
  },
  mod_roster: { versioning: true },
  mod_shared_roster: {},
  // What a session that is gone did not get is kept for messages and answered with an error for the rest.
  mod_stream_mgmt: { resend_on_timeout: 'if_offline', ack_timeout: 30, resume_timeout: 120, max_ack_queue: 10_000 },
  mod_time: {},
  mod_vcard: { search: false },
  mod_version: { show_os: false },
});
