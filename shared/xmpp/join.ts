import xml, { type Element } from '@xmpp/xml';
import { Failure } from '#shared/errors.ts';
import { asked } from './asked.ts';
import type { Entity } from './entity.ts';
import { bareOf } from './jid.ts';

/** How a host that was enrolled joins: logged in with its token, it hands in the password that it has chosen, and the token is used up. */
export const JOIN_NS = 'urn:skerry:join:1';

const joinElement = (password: string): Element => xml('join', { xmlns: JOIN_NS }, xml('password', {}, password));

/** @throws Failure token-refused and whatever the server says */
export async function join(
  entity: Pick<Entity, 'request'>,
  central: string,
  password: string,
  timeoutMs: number,
): Promise<void> {
  await asked(central, () => entity.request({ to: central, type: 'set', child: joinElement(password), timeoutMs }));
}

/** @param take gets the bare JID that the server stamped, and the password */
export function serveJoins(
  entity: Pick<Entity, 'serve'>,
  take: (from: string, password: string) => Promise<void>,
): void {
  entity.serve('set', JOIN_NS, 'join', async ({ from, child }) => {
    const password = child.getChildText('password', JOIN_NS) ?? '';
    if (!/^[\x21-\x7e]{24,128}$/.test(password))
      throw new Failure('bad-payload', { problem: 'a password of 24 to 128 printable characters is due' });
    await take(bareOf(from), password);
    return undefined;
  });
}
