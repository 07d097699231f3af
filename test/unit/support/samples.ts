import type { Field } from '#shared/verb/fields.ts';

const BY_NAME: Readonly<Record<string, string>> = { job: '7', mac: '52:54:00:63:00:0c', volume: 'root.raw' };

/** Something that a field of an agent's verb takes. */
export const sampleOf = ({ name, options }: Field): string => options?.[0] ?? BY_NAME[name] ?? 'venti';
