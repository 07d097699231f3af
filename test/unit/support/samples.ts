import type { Field } from '#shared/verb/fields.ts';

const BY_NAME: Readonly<Record<string, string>> = {
  job: '7',
  mac: '52:54:00:63:00:0c',
  volume: 'root.raw',
  address: '10.78.0.12',
  port: '49152',
  key: '0f'.repeat(32),
  move: '0a'.repeat(20),
};

/** Something that a field of an agent's verb takes. */
export const sampleOf = ({ name, options }: Field): string => options?.[0] ?? BY_NAME[name] ?? 'venti';
