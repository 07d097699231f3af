import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { IllumosHost } from './host.ts';
import { PROGRAMS } from './programs.ts';

/** Put the programs of a modelled host into a folder, to be found by PATH and run as processes. */
export function placeCommands(host: IllumosHost, folder: string): void {
  mkdirSync(folder, { recursive: true });
  const command = fileURLToPath(new URL('command.ts', import.meta.url));
  for (const name of Object.keys(PROGRAMS)) {
    const script = `#!/bin/sh\nexec '${process.execPath}' '${command}' '${host.folder}' ${name} "$@"\n`;
    writeFileSync(join(folder, name), script, { mode: 0o755 });
  }
}
