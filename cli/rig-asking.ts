import { readFile } from 'node:fs/promises';
import type { RigFile } from '#provisioning/rig/rig-file.ts';
import { Failure } from '#shared/errors.ts';
import { type CentralVerbs, centralVerbs } from '#shared/verbs/central.ts';
import { connect } from '#shared/xmpp/connect.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { ask } from './asking.ts';

/** Central connects a moment after its process has begun; so often it is asked, for half a minute at the most. */
const TRIES_MAX = 16;

export type AskRig = (verb: keyof CentralVerbs, args: object) => Promise<unknown>;

/** Do something at the rig's central as its administrator. @throws Failure setup-needed, and what central answers */
export async function asRigAdmin(
  rig: RigFile,
  work: (ask: AskRig, entity: Entity, central: { name: string; jid: string }) => Promise<void>,
): Promise<void> {
  const admin = rig.accounts.find(({ role }) => role === 'admin');
  if (!admin) throw new Failure('setup-needed', { problem: 'the rig has no administrator' });
  const { jid, password } = admin;
  const site = {
    jid,
    password,
    ca: await readFile(rig.ca, 'utf8'),
    service: rig.xmpp,
    hosts: [],
    central: rig.central,
  };
  const entity = await connect(site);
  const central = { name: 'central', jid: rig.central };
  try {
    const asked: AskRig = async (verb, args) =>
      (await ask(entity, central, verb, centralVerbs[verb], args, { tries: TRIES_MAX })).value;
    await work(asked, entity, central);
  } finally {
    await entity.stop();
  }
}
