import { z } from 'zod';

/** More than this of what a program wrote, on each of its two ways out, is left out of the answer. */
export const PROGRAM_OUTPUT_BYTES_MAX = 32_768;

/** How a program in a guest ended, and what it wrote. */
export const ProgramResult = z
  .strictObject({
    guest: z.string().meta({ title: 'Guest' }),
    ended: z.string().meta({ title: 'Ended', description: 'With which exit code, or by which signal.' }),
    exitCode: z.int().optional().meta({ title: 'Exit code', description: 'Missing where a signal ended it.' }),
    signal: z.int().optional().meta({ title: 'Signal', description: 'The number of the signal that ended it.' }),
    stdout: z.string().meta({ title: 'Output', multiline: true }),
    stderr: z.string().meta({ title: 'Errors', multiline: true }),
    cut: z.boolean().meta({
      title: 'Cut',
      description: `It wrote more than ${PROGRAM_OUTPUT_BYTES_MAX} bytes; this is the beginning.`,
    }),
  })
  .meta({ line: '{ended}\n{stdout}\n{stderr}' });
export type ProgramResult = z.infer<typeof ProgramResult>;
