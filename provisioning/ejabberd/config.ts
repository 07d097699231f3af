import { join } from 'node:path';
import { stringify } from 'yaml';
import { type Address, EjabberdOptions } from './options.ts';

/** What passes whole: a table of 1,000 guests, a definition with many devices. */
const STANZA_BYTES_MAX = 524_288;

/**
 * The configuration of an ejabberd (23.01 or later) for a closed site: TLS required, SCRAM only, no registration by
 * clients, no other servers, nothing that looks a name up outside.
 *
 * Source: docs.ejabberd.im/admin/configuration
 */
export function ejabberdConfig(given: EjabberdOptions): string {
  const options = EjabberdOptions.parse(given);
  return stringify({
    ...base(options),
    listen: listeners(options),
    ...access(options),
    modules: modules(options),
  });
}

type Parsed = ReturnType<typeof EjabberdOptions.parse>;

const base = ({ domain, certificate }: Parsed): object => ({
  // Passwords pass through the API's log at info.
  loglevel: 'warning',
  log_rotate_count: 1,
  hosts: [domain],
  certfiles: [certificate],
  acme: { auto: false },
  auth_method: ['mnesia'],
  auth_password_format: 'scram',
  // Profanity, slixmpp and Converse.js all have SHA-1; in SCRAM it is not known to be weak (RFC 7677 section 4).
  auth_scram_hash: 'sha',
  disable_sasl_mechanisms: ['plain', 'digest-md5', 'x-oauth2'],
  registration_timeout: 'infinity',
  max_fsm_queue: 10_000,
  s2s_access: 'none',
  s2s_use_starttls: 'required',
});

function listeners(options: Parsed): object[] {
  const { listen, components } = options;
  const c2s = {
    module: 'ejabberd_c2s',
    max_stanza_size: STANZA_BYTES_MAX,
    access: 'c2s',
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
  return [
    ...listen.starttls.map((at) => ({ ...placed(at), ...c2s, starttls_required: true })),
    ...listen.directTls.map((at) => ({ ...placed(at), ...c2s, tls: true })),
    ...listen.http.map((at) => ({ ...placed(at), ...http })),
    ...listen.api.map((at) => ({
      ...placed(at),
      module: 'ejabberd_http',
      request_handlers: { '/api': 'mod_http_api' },
    })),
    ...(Object.keys(components).length > 0 ? listen.component.map((at) => ({ ...placed(at), ...component })) : []),
  ];
}

const placed = (at: Address): object => ('socket' in at ? { port: `unix:${at.socket}` } : at);

const access = ({ domain }: Parsed): object => ({
  acl: { local: { user_regexp: '' }, loopback: { ip: ['127.0.0.0/8', '::1/128'] } },
  access_rules: {
    local: { allow: 'local' },
    c2s: { deny: 'blocked', allow: 'all' },
    nobody: { deny: 'all' },
    own_components: { allow: [{ server: `central.${domain}` }] },
  },
  api_permissions: {
    'console commands': { from: ['ejabberd_ctl'], who: 'all', what: '*' },
    // Only the API's own listener has the handler: see EjabberdOptions.listen.api.
    'owner of the socket': { from: ['mod_http_api'], who: 'all', what: ['*', '!stop', '!restart'] },
  },
});

const modules = ({ folder, domain, httpUrl }: Parsed): object => ({
  mod_adhoc: {},
  mod_admin_extra: {},
  mod_blocking: {},
  mod_caps: {},
  mod_carboncopy: {},
  mod_client_state: {},
  mod_disco: {},
  mod_http_api: {},
  mod_http_upload: {
    docroot: join(folder, 'upload'),
    put_url: `${httpUrl}/upload`,
    get_url: `${httpUrl}/upload`,
    host: `upload.${domain}`,
    secret_length: 40,
    dir_mode: '0700',
    file_mode: '0600',
  },
  mod_last: {},
  mod_mam: { assume_mam_usage: true, default: 'always' },
  mod_muc: {
    host: `conference.${domain}`,
    access: 'local',
    access_admin: 'nobody',
    access_create: 'local',
    access_persistent: 'local',
    access_mam: 'local',
    default_room_options: { mam: true, persistent: true },
  },
  mod_muc_admin: {},
  mod_offline: {},
  mod_ping: { send_pings: false },
  mod_privacy: {},
  mod_private: {},
  mod_privilege: {
    roster: { both: 'own_components' },
    message: { outgoing: 'own_components' },
    presence: { managed_entity: 'own_components', roster: 'own_components' },
  },
  mod_pubsub: { host: `pubsub.${domain}`, access_createnode: 'local', plugins: ['flat', 'pep'], max_items_node: 1000 },
  mod_roster: { versioning: true },
  mod_shared_roster: {},
  // What a session that is gone did not get is kept for messages and answered with an error for the rest.
  mod_stream_mgmt: { resend_on_timeout: 'if_offline', resume_timeout: 120, max_ack_queue: 10_000 },
  mod_time: {},
  mod_vcard: { search: false },
  mod_version: { show_os: false },
});
