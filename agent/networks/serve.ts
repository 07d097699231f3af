import { Failure } from '#shared/errors.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { serveNetworks } from '#shared/xmpp/networks.ts';
import type { NetworkKeeper } from './keeper.ts';

/** Take networks from central, and from nobody else. */
export const takeNetworks = (
  entity: Pick<Entity, 'serve'>,
  { central, keeper }: { central: string; keeper: Pick<NetworkKeeper, 'take'> },
): void =>
  serveNetworks(entity, async (from, read) => {
    if (from !== central) throw new Failure('not-permitted', { requester: from, verb: 'give networks' });
    return await keeper.take(read());
  });
