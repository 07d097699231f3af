/** Whoever listens; one that throws is a fault of ours, and does not keep the others from hearing. */
export function listeners<T>(onBug: (error: unknown) => void) {
  const all = new Set<(news: T) => void>();
  return {
    listen: (listener: (news: T) => void) => {
      all.add(listener);
      return () => void all.delete(listener);
    },
    tell: (news: T): void => {
      for (const listener of [...all]) {
        try {
          listener(news);
        } catch (error) {
          onBug(error);
        }
      }
    },
  };
}
