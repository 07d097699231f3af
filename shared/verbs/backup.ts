import { z } from 'zod';
import { verb } from '#shared/verb/verb.ts';

export const BackupRecord = z
  .strictObject({
    file: z.string().meta({ title: 'File', description: 'On the machine where central runs.' }),
    bytes: z.int().meta({ title: 'Size', unit: 'B' }),
    at: z.string().meta({ title: 'At', description: 'RFC 3339.' }),
  })
  .meta({ line: '{file} · {bytes} · {at}' });
export type BackupRecord = z.infer<typeof BackupRecord>;

export const backupVerbs = {
  'backup.take': verb({
    summary: 'Keep a copy of all that central knows, while it goes on.',
    details:
      'It is written beside the database, in the folder backups, and checked. ./skerry restore brings it back. On PostgreSQL, use pg_dump.',
    risk: 'change',
    args: z.strictObject({
      keep: z
        .int()
        .min(1)
        .max(1000)
        .default(7)
        .meta({ title: 'Keep', description: 'Older ones than the newest so many go.' }),
    }),
    positional: ['keep'],
    result: BackupRecord,
    failures: ['verb-unsupported', 'host-space'],
    timeoutMs: 600_000,
    example: 'backup take keep=14',
  }),
  'backup.list': verb({
    summary: 'List the backups, the newest first.',
    risk: 'read',
    args: z.strictObject({}),
    positional: [],
    result: z.array(BackupRecord),
    failures: ['verb-unsupported'],
    timeoutMs: 10_000,
    example: 'backup list',
  }),
};
