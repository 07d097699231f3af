/** One change of a guest's definition after the other: who reads while another writes would take back what that one wrote. */
export type Turns = <T>(key: string, change: () => Promise<T>) => Promise<T>;

/** What is asked for one key waits until what was asked before has ended, however it did. */
export function turns(): Turns {
  const lines = new Map<string, Promise<void>>();
  return (key, change) => {
    const mine = (lines.get(key) ?? Promise.resolve()).then(change);
    const ended = mine
      .then(
        () => {},
        () => {},
      )
      .then(() => {
        if (lines.get(key) === ended) lines.delete(key);
      });
    lines.set(key, ended);
    return mine;
  };
}
