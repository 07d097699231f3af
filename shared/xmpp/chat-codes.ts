import { randomInt } from 'node:crypto';

const LIFE_MS = 120_000;
const CODES_MAX = 1_000;
/** No letters or digits that look alike. */
const ALPHABET = 'abcdefghjkmnpqrstuvwxyz23456789';

interface Asked {
  owner: string;
  verb: string;
  args: Record<string, unknown>;
  until: number;
}

/** Codes for the second question: short enough to type, for one person and one exact command, once, for two minutes. */
export function chatCodes(now: () => number) {
  const open = new Map<string, Asked>();
  const forget = (): void => {
    for (const [code, asked] of open) if (asked.until < now() || open.size > CODES_MAX) open.delete(code);
  };
  return {
    give(owner: string, verb: string, args: Record<string, unknown>): string {
      forget();
      const code = Array.from({ length: 4 }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
      open.set(`${owner} ${code}`, { owner, verb, args, until: now() + LIFE_MS });
      return code;
    },
    take(code: string, owner: string): Asked | undefined {
      forget();
      const key = `${owner} ${code.toLowerCase()}`;
      const asked = open.get(key);
      open.delete(key);
      return asked;
    },
  };
}
