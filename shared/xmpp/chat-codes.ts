import { randomInt } from 'node:crypto';

const LIFE_MS = 120_000;
const EACH_MAX = 5;
const OWNERS_MAX = 1_000;
/** No letters or digits that look alike. */
const ALPHABET = 'abcdefghjkmnpqrstuvwxyz23456789';

interface Asked {
  verb: string;
  args: Record<string, unknown>;
  until: number;
}

/** Codes for the second question: short enough to type, for one person and one exact command, once, for two minutes. */
export function chatCodes(now: () => number) {
  const owners = new Map<string, Map<string, Asked>>();

  const openOf = (owner: string): Map<string, Asked> => {
    const open = new Map([...(owners.get(owner) ?? [])].filter(([, { until }]) => until >= now()));
    owners.delete(owner);
    if (open.size > 0) owners.set(owner, open);
    return open;
  };

  return {
    give(owner: string, verb: string, args: Record<string, unknown>): string {
      const open = openOf(owner);
      const code = Array.from({ length: 4 }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
      open.set(code, { verb, args, until: now() + LIFE_MS });
      dropOldest(open, EACH_MAX);
      owners.set(owner, open);
      dropOldest(owners, OWNERS_MAX);
      return code;
    },
    take(code: string, owner: string): Asked | undefined {
      const open = openOf(owner);
      const asked = open.get(code.toLowerCase());
      open.delete(code.toLowerCase());
      return asked;
    },
  };
}
export type ChatCodes = ReturnType<typeof chatCodes>;

function dropOldest(map: Map<string, unknown>, max: number): void {
  const [oldest] = map.keys();
  if (map.size > max && oldest !== undefined) map.delete(oldest);
}
