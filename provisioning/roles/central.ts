import { readFile } from 'node:fs/promises';
import { stringify } from 'yaml';
import { Failure } from '#shared/errors.ts';
import { absent, type Change, file, folder } from '../systemd/changes.ts';
import type { Ground } from '../systemd/ground.ts';
import { disabled, enabled, noUser, packages, running, stopped, user } from '../systemd/system-changes.ts';
import { unitChanges } from './own-unit.ts';
import { CENTRAL_PACKAGES } from './packages.ts';
import {
  API_GROUP,
  API_SOCKET,
  CA_FILE,
  CENTRAL_CACHE,
  CENTRAL_CONFIG,
  CENTRAL_SECRET,
  CENTRAL_STATE,
  COMPONENT,
} from './places.ts';
import type { ServerWish } from './server.ts';

const UNIT = 'skerry-central.service';
const USERS = '/etc/sysusers.d/skerry-central.conf';
const USERS_TEXT = `u skerry-central - "Skerry central" ${CENTRAL_STATE}\nm skerry-central ${API_GROUP}\n`;

/** What central's configuration begins with; from then on it is the administrator's. */
export interface CentralBeginning {
  wish: ServerWish;
  admins: readonly string[];
  /** Hosts whose accounts are made otherwise than by central. */
  hosts?: readonly string[];
}

/**
 * Central runs beside the server, since components speak in the clear. @throws Failure bad-argument where an administrator is needed
 */
export async function centralChanges(
  ground: Ground,
  { wish, admins, hosts = [] }: CentralBeginning,
): Promise<Change[]> {
  const known = await readFile(ground.at(CENTRAL_CONFIG), 'utf8').catch(() => undefined);
  const config = known ?? skeleton(wish, admins, hosts);
  const owned = { mode: 0o600, owner: 'skerry-central' };
  const secret = (): Promise<string | undefined> => readFile(ground.at(COMPONENT), 'utf8').catch(() => undefined);
  const unit = await unitChanges(ground, UNIT);
  return [
    packages(ground, CENTRAL_PACKAGES),
    file(ground, USERS, USERS_TEXT, { mode: 0o644 }),
    user(ground, 'skerry-central', [API_GROUP], USERS),
    folder(ground, '/etc/skerry', { mode: 0o755 }),
    file(ground, CENTRAL_SECRET, secret, owned),
    file(ground, CENTRAL_CONFIG, config, { mode: 0o644 }, 'keep'),
    ...unit.changes,
    enabled(ground, UNIT),
    running(ground, UNIT, [CENTRAL_CONFIG, CENTRAL_SECRET, ...unit.files('central')]),
  ];
}

export const centralRemoval = (ground: Ground): Change[] => [
  stopped(ground, UNIT),
  disabled(ground, UNIT),
  ...[`/etc/systemd/system/${UNIT}`, USERS].map((path) => absent(ground, path)),
];

export const centralPurge = (ground: Ground): Change[] => [
  ...[CENTRAL_STATE, CENTRAL_CACHE, CENTRAL_CONFIG, CENTRAL_SECRET].map((path) => absent(ground, path)),
  noUser(ground, 'skerry-central'),
];

function skeleton(
  { domain, names, certificate }: ServerWish,
  admins: readonly string[],
  hosts: readonly string[],
): string {
  if (admins.length === 0)
    throw new Failure('bad-argument', {
      field: 'command line',
      problem: `there is no ${CENTRAL_CONFIG} yet, so --admin JID is needed`,
    });
  const ca = certificate === undefined ? { ca: CA_FILE } : {};
  const config = {
    jid: `central.${domain}`,
    secret: CENTRAL_SECRET,
    service: { host: '127.0.0.1', port: 5275 },
    ejabberd: { socket: API_SOCKET },
    state: CENTRAL_STATE,
    ...(hosts.length > 0 ? { hosts: [...hosts] } : {}),
    policy: { grants: admins.map((jid) => ({ jid, role: 'admin' })) },
    rosters: [...admins],
    room: `ops@conference.${domain}`,
    events: `pubsub.${domain}`,
    upload: { service: `upload.${domain}`, ...ca },
    join: { service: names[0] ?? domain, ...ca },
  };
  return `# The central agent of this site. docs/central-config.md describes every key. Then: systemctl restart skerry-central\n${stringify(config)}`;
}
