/**
 * Responsibilities: know what the site wants of networks, and change it, one change after the other.
 *
 * Theory of operation: a change is a pure function of the state. What differs is written in one transaction, and only then known and told.
 * With it is written that this operation made it: one that was cut off by a kill of central, and is asked again, is not carried out
 * twice, and gets the change that it made.
 */
import { oneLine } from '#shared/turns.ts';
import { type Change, changeOf, isWhole, type NetworkState, undone } from './state.ts';
import type { NetworkStore } from './store.ts';

export interface Made {
  before: NetworkState;
  after: NetworkState;
  change: Change;
}

export class NetworkBook {
  readonly #store: NetworkStore;
  readonly #listeners = new Set<() => void>();
  #state: NetworkState;
  readonly #inTurn = oneLine();

  constructor(store: NetworkStore, state: NetworkState) {
    this.#store = store;
    this.#state = state;
  }

  get state(): NetworkState {
    return this.#state;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** What an operation changed before, where it did. */
  earlier(operation: string): Promise<Change | undefined> {
    return this.#inTurn(() => this.#store.find(operation));
  }

  /** Resolves when it is kept. @throws Failure host-space: nothing changed; whatever `next` throws */
  change(operation: string, next: (state: NetworkState) => NetworkState): Promise<Made> {
    return this.#inTurn(async () => {
      const before = this.#state;
      const earlier = await this.#store.find(operation);
      if (earlier) return { before: undone(before, earlier), after: before, change: earlier };
      const after = next(before);
      const change = changeOf(before, after);
      await this.#store.write(change, operation);
      this.#know(after);
      return { before, after, change };
    });
  }

  /**
   * Put back what an operation changed, but for what was changed again since.
   * @returns false: somebody uses it by now, so all of it stays
   * @throws Failure host-space
   */
  undo(operation: string, { change }: Made): Promise<boolean> {
    return this.#inTurn(async () => {
      const after = undone(this.#state, change);
      if (!isWhole(after)) return false;
      await this.#store.unwrite(changeOf(this.#state, after), operation);
      this.#know(after);
      return true;
    });
  }

  #know(state: NetworkState): void {
    this.#state = state;
    for (const listener of [...this.#listeners]) listener();
  }
}
