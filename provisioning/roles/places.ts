/** Where roles put what they share. */
/**
 * ejabberd 24 makes a socket below its own state and renames it to where it shall be, so that has to be on the same file system: not in
 * /run, and not in its state either, where nobody else gets to.
 */
export const API_FOLDER = '/var/lib/skerry-api';
export const API_SOCKET = `${API_FOLDER}/api.sock`;
/** Who is in it may use ejabberd's API, and so owns the server. */
export const API_GROUP = 'skerry-api';
export const PKI = '/etc/skerry/pki';
/** The secret of central's component, as the server has it. */
export const COMPONENT = '/etc/skerry/component.json';
/** What `skerry install server` was told last. */
export const SERVER_WISH = '/etc/skerry/server.yaml';
export const SITE_SERVER = '# What skerry install server was told. It goes by this when it is run without options.\n';
export const AGENT_CONFIG = '/etc/skerry/agent.yaml';
export const CREDENTIALS = '/etc/skerry/credentials.json';
export const AGENT_STATE = '/var/lib/skerry';
/** What Node.js has compiled for the agent, as a user of its own and as root. */
export const AGENT_CACHES = ['/var/cache/skerry', '/var/cache/skerry-root'] as const;
export const CENTRAL_CACHE = '/var/cache/skerry-central';
export const CENTRAL_CONFIG = '/etc/skerry/central.yaml';
export const CENTRAL_STATE = '/var/lib/skerry-central';
/** The secret of central's component, as central has it. */
export const CENTRAL_SECRET = '/etc/skerry/central-secret.json';
/** The skerry command reads it where it is told of no other site. */
export const COMMAND_CONFIG = '/etc/skerry/site.yaml';
/** The site's certificate authority, for all to read; without one, Debian knows it. */
export const CA_FILE = '/etc/skerry/ca.pem';
