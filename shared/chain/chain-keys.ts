import { chainJsonSchema } from '#shared/model/chain.ts';

/** As much of a JSON Schema as says which keys there are. */
interface Keyed {
  properties?: Readonly<Record<string, Keyed>>;
  additionalProperties?: Keyed | boolean;
  items?: Keyed;
  anyOf?: readonly Keyed[];
  allOf?: readonly Keyed[];
}

let whole: Keyed | undefined;

/** The keys that a chain file may have at a path, in any of the ways in which it can be written. */
export function keysAt(path: readonly PropertyKey[]): string[] {
  whole ??= chainJsonSchema('inline') as Keyed;
  let here = waysOf(whole);
  for (const step of path) here = here.flatMap((way) => below(way, step)).flatMap(waysOf);
  return [...new Set(here.flatMap((way) => Object.keys(way.properties ?? {})))];
}

const waysOf = (schema: Keyed): Keyed[] => [
  schema,
  ...[...(schema.anyOf ?? []), ...(schema.allOf ?? [])].flatMap(waysOf),
];

function below(way: Keyed, step: PropertyKey): Keyed[] {
  if (typeof step === 'number') return way.items ? [way.items] : [];
  const named = Object.hasOwn(way.properties ?? {}, step) ? way.properties?.[String(step)] : undefined;
  if (named) return [named];
  return typeof way.additionalProperties === 'object' ? [way.additionalProperties] : [];
}
