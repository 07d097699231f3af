const NEVER = new Promise<never>(() => {});

/** One life of a program: when it is killed, nothing of it happens any more, and nobody hears from it. */
export interface Life {
  readonly isOver: boolean;
  end(): void;
  onEnd(call: () => void): void;
  /** Whatever the program asks of the world outside of it. */
  outside<T>(work: () => T | Promise<T>): Promise<T>;
  /** The same of what is answered at once: it is simply not done. */
  lasting(work: () => void): void;
}

export function life(): Life {
  const ends = new Set<() => void>();
  let isOver = false;
  return {
    get isOver() {
      return isOver;
    },
    end: () => {
      isOver = true;
      for (const call of ends) call();
    },
    onEnd: (call) => void ends.add(call),
    outside: async (work) => {
      if (isOver) return NEVER;
      try {
        const value = await work();
        return isOver ? NEVER : value;
      } catch (error) {
        if (isOver) return NEVER;
        throw error;
      }
    },
    lasting: (work) => {
      if (!isOver) work();
    },
  };
}
