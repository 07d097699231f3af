import { type ClientRequest, type IncomingMessage, request as plainRequest } from 'node:http';
import { request as tlsRequest } from 'node:https';
import type { LookupFunction } from 'node:net';
import type { SecureContext } from 'node:tls';
import type { ReadyTest } from '#shared/model/chain-ready.ts';
import { bad, GOOD, type Look, type Verdict } from './look.ts';
import type { Matcher } from './matcher.ts';
import { saidOf } from './said.ts';

export interface HttpDeps {
  lookup: LookupFunction;
  matcher: Matcher;
  /** Whom to believe; undefined: those that Node does. */
  context(): SecureContext | undefined;
}

const BODY_BYTES_MAX = 65_536;
const HEADER_BYTES_MAX = 16_384;

/**
 * Whether a URL answers with a status, and a body that matches. A redirect is an answer like any other, and is not followed. Of the
 * body the first 64 KiB are read, and only where a pattern is to be found in it.
 */
export function httpLook(test: NonNullable<ReadyTest['http']>, deps: HttpDeps): Look {
  const url = URL.parse(test.url);
  if (!url) return async () => bad(`${test.url} is no URL`);
  const options = {
    agent: false,
    lookup: deps.lookup,
    maxHeaderSize: HEADER_BYTES_MAX,
    headers: { 'user-agent': 'Skerry-probe', accept: '*/*' },
  };
  const request = url.protocol === 'https:' ? tlsRequest : plainRequest;
  return async (signal) => {
    const trust = url.protocol === 'https:' ? { rejectUnauthorized: !test.insecure, ...contextOf(deps) } : {};
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    let asking: ClientRequest | undefined;
    try {
      asking = request(url, { ...options, ...trust, signal });
      asking.once('response', resolve).on('error', reject).end();
      return await verdictOn(await promise, test, deps.matcher, signal);
    } catch (error) {
      signal.throwIfAborted();
      return bad(saidOf(error));
    } finally {
      asking?.destroy();
    }
  };
}

function contextOf({ context }: HttpDeps): { secureContext?: SecureContext } {
  const secureContext = context();
  return secureContext ? { secureContext } : {};
}

async function verdictOn(
  response: IncomingMessage,
  { status, body }: NonNullable<ReadyTest['http']>,
  matcher: Matcher,
  signal: AbortSignal,
): Promise<Verdict> {
  if (response.statusCode !== status) return bad(`status ${response.statusCode}, and ${status} is due`);
  if (body === undefined) return GOOD;
  const found = await matcher.find(body, [await beginningOf(response)], signal);
  if (found.problem !== undefined) return bad(found.problem);
  return found.isFound ? GOOD : bad('the body does not match');
}

async function beginningOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= BODY_BYTES_MAX) break;
  }
  return Buffer.concat(chunks).subarray(0, BODY_BYTES_MAX).toString('utf8');
}
