import { createHash } from 'node:crypto';

/** What tells one request from another under the same operation id. */
export const digestOf = (verb: string, args: object): string =>
  createHash('sha256')
    .update(JSON.stringify([verb, args]))
    .digest('hex');
