import { z } from 'zod';
import { GuestRef } from '#shared/model/guest.ts';
import { HostName } from '#shared/model/host.ts';
import { SiteGuestRecord, SiteHostRecord, Tags } from '#shared/model/site.ts';
import { verb } from '#shared/verb/verb.ts';

const added = {
  tags: Tags.default([]).meta({ title: 'Tags', description: 'They come to those that are there.' }),
  title: z.string().max(200).optional().meta({ title: 'Title' }),
  notes: z.string().max(2000).optional().meta({ title: 'Notes', multiline: true }),
};
const removed = {
  tags: Tags.default([]).meta({ title: 'Tags', description: 'Those that go; the others stay.' }),
  title: z.boolean().default(false).meta({ title: 'Title', description: 'Yes: the title goes.' }),
  notes: z.boolean().default(false).meta({ title: 'Notes', description: 'Yes: the notes go.' }),
};
const ofGuest = {
  risk: 'change',
  positional: ['guest', 'tags'],
  guestArg: 'guest',
  result: SiteGuestRecord,
  failures: ['guest-not-found'],
  timeoutMs: 10_000,
} as const;
const ofHost = {
  risk: 'change',
  positional: ['host', 'tags'],
  hostArg: 'host',
  result: SiteHostRecord,
  failures: ['host-not-found'],
  timeoutMs: 10_000,
} as const;

/** Words of people about guests and hosts. Central keeps them, and no hypervisor hears of them. */
export const tagVerbs = {
  'guest.tag': verb({
    ...ofGuest,
    summary: 'Add tags to a guest, or give it a title or notes.',
    details: 'A title that is given here is shown in place of the one that the hypervisor keeps (guest.set).',
    args: z.strictObject({ guest: GuestRef, ...added }),
    example: 'guest tag venti storage grid',
  }),
  'guest.untag': verb({
    ...ofGuest,
    summary: 'Take tags, the title or the notes from a guest.',
    args: z.strictObject({ guest: GuestRef, ...removed }),
    example: 'guest untag venti grid',
  }),
  'host.tag': verb({
    ...ofHost,
    summary: 'Add tags to a host, or give it a title or notes.',
    args: z.strictObject({ host: HostName, ...added }),
    example: 'host tag host1 rack4 title="Left of the door"',
  }),
  'host.untag': verb({
    ...ofHost,
    summary: 'Take tags, the title or the notes from a host.',
    args: z.strictObject({ host: HostName, ...removed }),
    example: 'host untag host1 rack4',
  }),
};
