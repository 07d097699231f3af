/** One piece of work after the other, for who reads, waits and then writes: two at once would take back what the other wrote. */
export type Turns = <T>(key: string, work: () => Promise<T>) => Promise<T>;

/** What is asked for one key waits until what was asked before for it has ended, however it did. */
export function turns(): Turns {
  const lines = new Map<string, Promise<void>>();
  return (key, work) => {
    const mine = (lines.get(key) ?? Promise.resolve()).then(work);
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

/** The same for work that all waits for one another. */
export function oneLine(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<void> = Promise.resolve();
  return (work) => {
    const mine = last.then(work);
    last = mine.then(
      () => {},
      () => {},
    );
    return mine;
  };
}
