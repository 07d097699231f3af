import { fileURLToPath } from 'node:url';

/** How the `skerry` command is called by who reads it here: in a clone as `./skerry`, and from Debian's packages by its name alone. */
export const SKERRY = fileURLToPath(import.meta.url).startsWith('/usr/') ? 'skerry' : './skerry';
