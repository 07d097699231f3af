import type { Followers } from '#central/contacts/followers.ts';
import type { Rosters } from '#central/contacts/rosters.ts';
import { Failure } from '#shared/errors.ts';
import type { Handlers } from '#shared/verb/handlers.ts';
import type { contactVerbs } from '#shared/verbs/contact.ts';

export interface ContactDeps {
  followers: Followers;
  /** Undefined: central was given no way to ejabberd. */
  rosters(): Rosters | undefined;
}

export function contactHandlers({ followers, rosters }: ContactDeps): Handlers<typeof contactVerbs> {
  const follow = async (jid: string, follows: boolean): Promise<{ jid: string; guests: number }> => {
    const filled = rosters();
    if (!filled) {
      const problem =
        'central has no way to write contact lists: give it `ejabberd: { socket: … }` in its configuration';
      throw new Failure('setup-needed', { problem });
    }
    await followers.set(jid, follows);
    return { jid, guests: await filled.fill(jid, follows) };
  };
  return {
    'contact.follow': (_, { requester }) => follow(requester.bareJid, true),
    'contact.unfollow': (_, { requester }) => follow(requester.bareJid, false),
  };
}
