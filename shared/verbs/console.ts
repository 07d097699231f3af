import { z } from 'zod';
import { ConsoleInfo, ConsoleText } from '#shared/model/console.ts';
import { GuestRef } from '#shared/model/guest.ts';
import { verb } from '#shared/verb/verb.ts';

const oneGuest = z.strictObject({ guest: GuestRef });

export const consoleVerbs = {
  'console.list': verb({
    summary: 'List the serial consoles that are kept here.',
    risk: 'read',
    args: z.strictObject({}),
    positional: [],
    result: z.array(ConsoleInfo),
    failures: [],
    timeoutMs: 10_000,
    example: 'console list',
  }),
  'console.read': verb({
    summary: 'Show what a guest wrote to its serial console.',
    risk: 'read',
    args: oneGuest.extend({
      lines: z
        .int()
        .min(1)
        .max(5000)
        .default(20)
        .meta({ title: 'Lines', description: 'The last so many; not used with `from`.' }),
      from: z
        .int()
        .nonnegative()
        .optional()
        .meta({ title: 'From', unit: 'bytes', description: 'Go on from here: `next` of the answer before.' }),
    }),
    positional: ['guest', 'lines'],
    guestArg: 'guest',
    result: ConsoleText,
    failures: ['guest-not-found', 'console-missing'],
    timeoutMs: 10_000,
    example: 'console read venti lines=50',
  }),
  'console.watch': verb({
    summary: 'Be sent what a guest writes to its serial console, as it writes it.',
    details:
      'In chat the text comes as messages. A program gets headline messages with <console xmlns="urn:skerry:console:1"/> at its full JID. It ends by itself: ask again to go on.',
    risk: 'read',
    args: oneGuest.extend({
      on: z.boolean().default(true).meta({ title: 'On', description: 'No: stop watching.' }),
      forS: z.int().min(10).max(86_400).default(600).meta({ title: 'For', unit: 's' }),
    }),
    positional: ['guest', 'on'],
    guestArg: 'guest',
    result: ConsoleInfo,
    failures: ['guest-not-found', 'console-missing'],
    timeoutMs: 10_000,
    example: 'console watch venti',
  }),
  'console.send': verb({
    summary: 'Type into the serial console of a guest.',
    details:
      'An Enter is added unless `enter` says no. \\n, \\r, \\t, \\e, \\\\ and \\xNN in the text are taken as in C.',
    risk: 'change',
    args: oneGuest.extend({
      text: z.string().max(4096).meta({ title: 'Text' }),
      enter: z.boolean().default(true).meta({ title: 'Enter', description: 'Press Enter after the text.' }),
    }),
    positional: ['guest', 'text'],
    guestArg: 'guest',
    result: ConsoleInfo,
    failures: ['guest-not-found', 'console-missing', 'console-closed'],
    timeoutMs: 10_000,
    example: 'console send venti "uname -a"',
  }),
};
