/**
 * For tests alone: where an agent is to be cut off. With `SKERRY_FAILPOINT=networks:7` in its environment it ends itself by SIGKILL once it
 * has done seven things to its host's networks: a line of a batch, a ruleset, a file. With `networks:0` before the first. Never set it otherwise.
 */
export interface Failpoint {
  /** How many of the next so many things are still to be done; fewer than were asked about: then comes `end`. */
  allows(count: number): number;
  end(): void;
}

const FORM = /^networks:(0|[1-9]\d*)$/;

/** @throws Error where it is set and says nothing that is understood */
export function failpoint(text: string | undefined): Failpoint {
  if (text === undefined) return { allows: (count) => count, end: () => {} };
  const [, digits] = FORM.exec(text) ?? [];
  if (digits === undefined) throw new Error(`SKERRY_FAILPOINT is ${text}; networks:N is due`);
  let left = Number(digits);
  return {
    allows(count) {
      const allowed = Math.min(count, left);
      left -= allowed;
      return allowed;
    },
    end: () => void process.kill(process.pid, 'SIGKILL'),
  };
}
