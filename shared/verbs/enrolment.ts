import { z } from 'zod';
import { HostName } from '#shared/model/host.ts';
import { verb } from '#shared/verb/verb.ts';

export const enrolmentVerbs = {
  'host.enrol': verb({
    summary: 'Give a new host a token with which it can join the site, once.',
    details:
      'The answer has the line to type on the host. A host that is there gets a new account: its agent has to join again.',
    risk: 'change',
    args: z.strictObject({
      name: HostName.meta({ title: 'Host', description: 'Name of the new host.' }),
      hours: z.int().min(1).max(720).default(24).meta({ title: 'Valid for', unit: 'h' }),
      again: z
        .boolean()
        .default(false)
        .meta({ title: 'Again', description: 'It is there already: its account shall be made anew.' }),
    }),
    positional: ['name'],
    hostArg: 'name',
    result: z
      .strictObject({
        host: z.string().meta({ title: 'Host' }),
        jid: z.string().meta({ title: 'Account' }),
        token: z.string().meta({ title: 'Token', secret: true, description: 'Shown this once.' }),
        command: z.string().meta({
          title: 'On the host',
          secret: true,
          description: 'What to type there, as root, in a clone of Skerry.',
        }),
        expiresAt: z.string().meta({ title: 'Valid until', description: 'RFC 3339.' }),
      })
      .meta({ line: '{host} may join until {expiresAt}. On it, as root: {command}' }),
    failures: ['host-exists', 'setup-needed', 'server-unreachable', 'peer-refused'],
    timeoutMs: 30_000,
    example: 'host enrol host3',
  }),
  'host.forget': verb({
    summary: 'Take a host out of the site: its account, and all that is known of it and its guests. The guests run on.',
    risk: 'destroy',
    args: z.strictObject({ host: HostName }),
    positional: ['host'],
    hostArg: 'host',
    result: z
      .strictObject({
        host: z.string().meta({ title: 'Host' }),
        guests: z.int().meta({ title: 'Guests that are not known any more' }),
      })
      .meta({ line: '{host} is forgotten; guests with it: {guests}' }),
    failures: ['host-not-found', 'setup-needed', 'server-unreachable', 'peer-refused'],
    timeoutMs: 30_000,
    example: 'host forget host3',
  }),
};
