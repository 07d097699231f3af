import { readFile, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { SKERRY } from '#shared/called.ts';
import { Failure } from '#shared/errors.ts';

/** What a program needs to use the rig: the whole of rig.json. */
export const RigFile = z.strictObject({
  domain: z.string(),
  /** File with the certificate authority, PEM. */
  ca: z.string(),
  xmpp: z.strictObject({ host: z.string(), port: z.int(), directTlsPort: z.int(), websocketUrl: z.string() }),
  accounts: z.array(z.strictObject({ jid: z.string(), password: z.string(), role: z.string() })),
  hosts: z.array(z.strictObject({ name: z.string(), jid: z.string() })),
  /** JID of the central agent. */
  central: z.string(),
  /** Where central tells what happens, and takes commands. */
  room: z.string(),
  pubsub: z.string(),
});
export type RigFile = z.infer<typeof RigFile>;

export async function writeRigFile(file: string, rig: RigFile): Promise<void> {
  await writeFile(file, `${JSON.stringify(rig, null, 2)}\n`, { mode: 0o600 });
}

/** @throws Failure setup-needed when no rig is up there; config-invalid */
export async function readRigFile(file: string): Promise<RigFile> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    throw new Failure('setup-needed', { problem: `There is no ${file}: bring the rig up with ${SKERRY} up` });
  });
  const parsed = RigFile.safeParse(JSON.parse(text));
  if (!parsed.success) throw new Failure('config-invalid', { file, problem: z.prettifyError(parsed.error) });
  return parsed.data;
}
