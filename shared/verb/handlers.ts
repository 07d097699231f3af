import type { Call } from './request.ts';
import type { ArgsOf, ResultOf, VerbTable } from './verb.ts';

export type Handler<V> = (args: ArgsOf<V>, call: Call) => Promise<ResultOf<V>>;

/** One handler a row: a verb without a handler, or a handler without a verb, does not compile. */
export type Handlers<T extends VerbTable> = { readonly [K in keyof T]: Handler<T[K]> };
