/** Guests that are on their way: each is expected at a host, where its networks have to be before it is. */
export interface Moves {
  /** Where a guest is expected, beside where it is. */
  expectedAt(contact: string): string | undefined;
  /** @returns what ends it */
  begin(contact: string, to: string): () => void;
  onChange(listener: () => void): () => void;
}

export function moves(): Moves {
  const expected = new Map<string, string>();
  const listeners = new Set<() => void>();
  const tell = (): void => {
    for (const listener of [...listeners]) listener();
  };
  return {
    expectedAt: (contact) => expected.get(contact),
    begin: (contact, to) => {
      expected.set(contact, to);
      tell();
      return () => {
        if (expected.get(contact) !== to) return;
        expected.delete(contact);
        tell();
      };
    },
    onChange: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
