import { Failure } from '#shared/errors.ts';
import { StanzaError } from './stanza-error.ts';

/** Ask a peer; what it answers as an error is thrown as the row of the failure table that it is, or as peer-refused. */
export async function asked<T>(peer: string, request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (error) {
    if (!(error instanceof StanzaError)) throw error;
    if (error.failure) throw new Failure(error.failure, error.details, { cause: error });
    throw new Failure('peer-refused', { peer, condition: error.condition, problem: error.message }, { cause: error });
  }
}
