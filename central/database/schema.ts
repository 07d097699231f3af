/**
 * The tables of central's database. JSON stands in text columns: SQLite and PostgreSQL read it alike, and only code looks into it.
 * Times are RFC 3339 in UTC, so that they sort as text.
 */
export interface Tables {
  hosts: HostTable;
  guests: GuestTable;
  contacts: ContactTable;
  subscriptions: SubscriptionTable;
  operations: OperationTable;
  jobs: JobTable;
  audit: AuditTable;
  schedules: ScheduleTable;
  policies: PolicyTable;
  tokens: TokenTable;
  settings: SettingTable;
  chains: ChainTable;
  runs: RunTable;
  run_nodes: RunNodeTable;
  node_times: NodeTimeTable;
  networks: NetworkRowTable;
  ports: NetworkRowTable;
  routers: NetworkRowTable;
  forwards: NetworkRowTable;
  ingress: NetworkRowTable;
  looks: NetworkRowTable;
  network_changes: NetworkChangeTable;
}

export interface HostTable {
  name: string;
  /** Bare JID of its account: the only one whose reports count. */
  jid: string;
  enrolled_at: string;
  /** Of the last report that was taken; 0 and 0 before the first. */
  epoch: number;
  seq: number;
  /** When it was heard last. */
  heard_at: string | null;
  /** The `host` of its last report; null before the first. */
  facts: string | null;
  tags: string;
  title: string | null;
  notes: string | null;
}

export interface GuestTable {
  host: string;
  uuid: string;
  contact: string;
  /** A Guest, as the host reported it. */
  record: string;
}

/** Names of guests at the site. One that was given stays with its guest, also while that is on no host. */
export interface ContactTable {
  contact: string;
  name: string;
  uuid: string;
  tags: string;
  title: string | null;
  notes: string | null;
}

/** Who sees the presence of which contact. */
export interface SubscriptionTable {
  contact: string;
  jid: string;
}

export interface OperationTable {
  requester: string;
  id: string;
  verb: string;
  digest: string;
  /** Without secrets. */
  args: string;
  surface: string;
  began_at: string;
  /** How it ended; null while it is under way. */
  recorded: string | null;
  ended_at: string | null;
}

export interface JobTable {
  n: number;
  state: string;
  job: string;
  args: string;
  requester: string;
  /** Bare JID of the requester. */
  asker: string;
  surface: string;
  operation: string;
}

export interface AuditTable {
  seq: number;
  at: string;
  record: string;
  /** SHA-256 over the hash before and this record, in hex. */
  hash: string;
}

export interface ScheduleTable {
  name: string;
  schedule: string;
  /** When it is due next; null: never again. */
  next_at: string | null;
  /** The last due time that was carried out or passed over. */
  last_at: string | null;
  last_outcome: string | null;
}

export interface PolicyTable {
  version: number;
  at: string;
  by: string;
  policy: string;
}

export interface TokenTable {
  host: string;
  /** SHA-256 of the token, in hex. */
  hash: string;
  by: string;
  expires_at: string;
  used_at: string | null;
}

export interface SettingTable {
  key: string;
  value: string;
}

export interface ChainTable {
  name: string;
  /** The file, as it was given. */
  text: string;
  /** Bare JID of whoever set it. */
  by: string;
  at: string;
  /** What was ordered last: `up`, `down`; `none` before the first order. */
  wanted: string;
}

export interface RunTable {
  id: string;
  chain: string;
  /** The run without its nodes. */
  run: string;
  /** Of the account on whose behalf it acts. */
  requester: string;
  began_at: string;
  /** 1 when nothing will come of it any more. */
  ended: number;
}

export interface RunNodeTable {
  run: string;
  /** In the order of the graph. */
  place: number;
  node: string;
}

/** How long nodes took, for plans. */
export interface NodeTimeTable {
  chain: string;
  node: string;
  start_ms: number | null;
  stop_ms: number | null;
}

/** What the site wants of networks: central/networks/state.ts says what is in the records. */
export interface NetworkRowTable {
  id: string;
  record: string;
}

/** What an operation changed, written together with it: so that one that is asked again goes on where it was cut off. */
export interface NetworkChangeTable {
  /** A hash of who asked and of the operation id. */
  operation: string;
  at: string;
  change: string;
}
