/**
 * For tests alone: where a process is to be cut off. With `SKERRY_FAILPOINT=before:7` in its environment central ends itself by SIGKILL
 * right before its seventh transaction is committed, with `after:7` right after, before anybody hears of it. Never set it otherwise.
 */
export type Failpoint = (when: 'before' | 'after', commit: number) => void;

const FORM = /^(before|after):([1-9]\d*)$/;

/** @throws Error where it is set and says nothing that is understood */
export function failpoint(text: string | undefined): Failpoint {
  if (text === undefined) return () => {};
  const [, dueWhen, dueCommit] = FORM.exec(text) ?? [];
  if (dueWhen === undefined) throw new Error(`SKERRY_FAILPOINT is ${text}; before:N or after:N is due`);
  return (when, commit) => {
    if (when === dueWhen && commit === Number(dueCommit)) process.kill(process.pid, 'SIGKILL');
  };
}
