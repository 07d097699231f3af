import { guestRecord, hostRecord } from '#central/inventory/records.ts';
import type { Description, Site } from '#central/inventory/site.ts';
import type { Together } from '#central/journal/journal.ts';
import { Failure } from '#shared/errors.ts';
import { TAGS_MAX } from '#shared/model/site.ts';
import type { Handlers } from '#shared/verb/handlers.ts';
import type { Call } from '#shared/verb/request.ts';
import { didYouMean } from '#shared/verb/suggest.ts';
import type { tagVerbs } from '#shared/verbs/tag.ts';
import { knownHost } from './site.ts';

interface Added {
  tags: readonly string[];
  title?: string | undefined;
  notes?: string | undefined;
}
interface Removed {
  tags: readonly string[];
  title: boolean;
  notes: boolean;
}

export function tagHandlers(site: Site, together: Together): Handlers<typeof tagVerbs> {
  const describeGuest = async (call: Call, guest: string, change: (before: Description) => Description) => {
    const { contact } = site.guest(guest);
    await site.describeGuest(contact, change, (after) => together(call, guestRecord(after)));
    return guestRecord(site.guest(contact));
  };
  const describeHost = async (call: Call, host: string, change: (before: Description) => Description) => {
    const { name } = knownHost(site, host);
    await site.describeHost(name, change, (after) => together(call, hostRecord(after)));
    return hostRecord(site.host(name));
  };
  return {
    'guest.tag': async ({ guest, ...words }, call) => describeGuest(call, guest, adding(words)),
    'guest.untag': async ({ guest, ...words }, call) => describeGuest(call, guest, removing(guest, words)),
    'host.tag': async ({ host, ...words }, call) => describeHost(call, host, adding(words)),
    'host.untag': async ({ host, ...words }, call) => describeHost(call, host, removing(host, words)),
  };
}

/** @throws Failure bad-argument: nothing is given, or too much */
function adding({ tags, title, notes }: Added): (before: Description) => Description {
  if (tags.length === 0 && title === undefined && notes === undefined) throw sayOne();
  return (before) => {
    const all = [...new Set([...before.tags, ...tags])];
    if (all.length > TAGS_MAX)
      throw new Failure('bad-argument', {
        field: 'tags',
        problem: `${TAGS_MAX} are the most, and there would be ${all.length}`,
      });
    return { tags: all, title: title ?? before.title, notes: notes ?? before.notes };
  };
}

/** @throws Failure bad-argument: nothing is named, or a tag that is not there */
function removing(name: string, { tags, title, notes }: Removed): (before: Description) => Description {
  if (tags.length === 0 && !title && !notes) throw sayOne();
  return (before) => {
    const missing = tags.find((tag) => !before.tags.includes(tag));
    if (missing !== undefined) {
      const problem = `${name} has no tag ${missing}.${didYouMean(missing, before.tags)}`;
      throw new Failure('bad-argument', { field: 'tags', problem });
    }
    return {
      tags: before.tags.filter((tag) => !tags.includes(tag)),
      title: title ? null : before.title,
      notes: notes ? null : before.notes,
    };
  };
}

const sayOne = (): Failure =>
  new Failure('bad-argument', { field: 'tags, title or notes', problem: 'say at least one of them' });
