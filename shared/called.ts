import { fileURLToPath } from 'node:url';

/** Whether this runs from Debian's packages, and not from a clone. */
export const isPackaged: boolean = fileURLToPath(import.meta.url).startsWith('/usr/');

/** How the `skerry` command is called by who reads it here: in a clone as `./skerry`, and from Debian's packages by its name alone. */
export const SKERRY: string = isPackaged ? 'skerry' : './skerry';
