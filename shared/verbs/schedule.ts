import { z } from 'zod';
import { Missed, ScheduleInfo, ScheduleName, ScheduleRecord } from '#shared/model/schedule.ts';
import { verb } from '#shared/verb/verb.ts';

const oneSchedule = z.strictObject({ name: ScheduleName });

export const scheduleVerbs = {
  'schedule.list': verb({
    summary: 'List the schedules, by name.',
    risk: 'read',
    args: z.strictObject({ limit: z.int().min(1).max(1000).default(1000).meta({ title: 'Limit' }) }),
    positional: [],
    result: z.array(ScheduleRecord),
    failures: [],
    timeoutMs: 10_000,
    example: 'schedule list',
  }),
  'schedule.info': verb({
    summary: 'Show when a schedule is due next, and how its last run ended.',
    risk: 'read',
    args: oneSchedule,
    positional: ['name'],
    result: ScheduleInfo,
    failures: ['schedule-not-found'],
    timeoutMs: 10_000,
    example: 'schedule info nightly',
  }),
  'schedule.add': verb({
    summary: 'Run a verb at certain times, or once at a certain time.',
    details:
      'It runs as you: what you may not do when it is due is refused then. A verb that may lose work or data needs sure=yes here, since nobody can be asked later.',
    risk: 'change',
    args: z.strictObject({
      name: ScheduleName,
      when: z.string().min(1).max(200).meta({
        title: 'When',
        description:
          'A cron expression of five parts ("30 3 * * mon-fri"), @hourly, @daily, @weekly, @monthly, @yearly; or one time, RFC 3339 (2027-01-01T03:00:00Z).',
      }),
      verb: z.string().min(1).max(64).meta({ title: 'Verb', description: 'guest.start', choices: 'verb' }),
      args: z
        .array(z.string().max(4096))
        .max(50)
        .default([])
        .meta({ title: 'Arguments', description: 'NAME=VALUE, one a line; a list has a line for each of its words.' }),
      zone: z
        .string()
        .min(1)
        .max(64)
        .default('UTC')
        .meta({ title: 'Time zone', description: 'Of a cron expression: Europe/Berlin.' }),
      missed: Missed.default('skip').meta({
        title: 'Missed runs',
        description: 'What went by while central was away: skip it, run once for all of it, or run all of it.',
      }),
      sure: z
        .boolean()
        .default(false)
        .meta({ title: 'Sure', description: 'Yes: run it unasked, although it may lose work or data.' }),
    }),
    positional: ['name', 'when', 'verb', 'args'],
    result: ScheduleRecord,
    failures: ['schedule-exists', 'verb-unknown', 'guest-not-found', 'host-not-found'],
    timeoutMs: 10_000,
    example: 'schedule add nightly "0 3 * * *" guest.start guest=venti zone=Europe/Berlin missed=once',
  }),
  'schedule.remove': verb({
    summary: 'Remove a schedule. A run that is under way goes on.',
    details: 'Your own, or, if you may give roles on everything, anybody’s.',
    risk: 'change',
    args: oneSchedule,
    positional: ['name'],
    result: ScheduleRecord,
    failures: ['schedule-not-found'],
    timeoutMs: 10_000,
    example: 'schedule remove nightly',
  }),
};
