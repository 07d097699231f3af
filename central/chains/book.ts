import type { Writes } from '#central/database/writer.ts';
import { readChain } from '#shared/chain/chain-file.ts';
import { compile, type Graph } from '#shared/chain/compile.ts';
import type { Past } from '#shared/chain/plan.ts';
import { Failure } from '#shared/errors.ts';
import type { Chain } from '#shared/model/chain.ts';
import { didYouMean } from '#shared/verb/suggest.ts';
import type { ChainStore, StoredChain } from './store.ts';
import { unsupportedIn } from './unsupported.ts';

/** A chain, ready to be used. */
export interface KnownChain {
  stored: StoredChain;
  chain: Chain;
  graph: Graph;
  /** How long its nodes took. */
  past: Map<string, Past>;
}

/** @throws Failure chain-file: it cannot be read, or asks for what is not there yet */
export function chainOf(text: string): Chain {
  const chain = readChain(text);
  const wrong = unsupportedIn(chain);
  if (wrong.length > 0) throw new Failure('chain-file', { file: chain.chain, problem: wrong.join('\n') });
  return chain;
}

/** The chains of the site, by name. */
export class ChainBook {
  readonly #store: ChainStore;
  readonly #known = new Map<string, KnownChain>();
  readonly #listeners = new Set<() => void>();

  constructor(store: ChainStore) {
    this.#store = store;
  }

  /** Read what is kept. What cannot be read, as when a newer Skerry reads files more strictly, is told and left out. */
  async load(onBug: (error: unknown) => void): Promise<void> {
    for (const stored of await this.#store.chains()) {
      try {
        const chain = readChain(stored.text);
        const past = await this.#store.times(stored.name);
        this.#known.set(stored.name, { stored, chain, graph: compile(chain), past });
      } catch (error) {
        onBug(error);
      }
    }
  }

  /** By name. */
  list(): KnownChain[] {
    return [...this.#known.values()].toSorted((a, b) => (a.stored.name < b.stored.name ? -1 : 1));
  }
  /** @throws Failure chain-not-found */
  find(name: string): KnownChain {
    const chain = this.#known.get(name);
    if (chain) return chain;
    throw new Failure('chain-not-found', { chain: name, hint: didYouMean(name, this.#known.keys()) });
  }
  get(name: string): KnownChain | undefined {
    return this.#known.get(name);
  }

  /** The same file again changes nothing. @throws Failure host-space */
  async set(chain: Chain, stored: Omit<StoredChain, 'name' | 'wanted'>): Promise<KnownChain> {
    const before = this.#known.get(chain.chain);
    if (before?.stored.text === stored.text) return before;
    const wanted = before?.stored.wanted ?? 'none';
    const whole: StoredChain = { ...stored, name: chain.chain, wanted };
    await this.#store.set(whole);
    const known = { stored: whole, chain, graph: compile(chain), past: new Map<string, Past>() };
    this.#known.set(chain.chain, known);
    this.#tell();
    return known;
  }
  /** @param also what is written in the same transaction @throws Failure host-space */
  async remove(name: string, also?: Writes): Promise<void> {
    await this.#store.remove(name, also);
    this.#known.delete(name);
    this.#tell();
  }

  /** What was ordered last: its run keeps that. */
  want(name: string, wanted: StoredChain['wanted']): void {
    const known = this.#known.get(name);
    if (!known || known.stored.wanted === wanted) return;
    known.stored = { ...known.stored, wanted };
    this.#tell();
  }

  /** Told when there are other chains, or one is wanted otherwise. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
