import { type IncomingMessage, request as requestPlain } from 'node:http';
import { request as requestTls } from 'node:https';

const LOOPBACK = /^(127\.\d+\.\d+\.\d+|\[::1\]|localhost)$/;

export interface PutOptions {
  headers: Readonly<Record<string, string>>;
  /** PEM of whoever signs the server's certificate; without it, those that Node trusts. */
  ca?: string;
  signal: AbortSignal;
}

/**
 * Put bytes at a URL. Redirections are not followed.
 *
 * @throws Error in words: the server refused, its certificate is not to be trusted, it is not there, the signal
 */
export async function put(url: string, bytes: Uint8Array, { headers, ca, signal }: PutOptions): Promise<void> {
  const { protocol, hostname } = new URL(url);
  const isPlain = protocol === 'http:';
  if (isPlain && !LOOPBACK.test(hostname)) throw new Error(`${hostname} is to be sent to in the clear`);
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const options = {
    method: 'PUT',
    headers: { ...headers, 'content-length': bytes.length },
    agent: false as const,
    signal,
  };
  const sending = isPlain
    ? requestPlain(url, options, resolve)
    : requestTls(url, { ...options, ...(ca === undefined ? {} : { ca }) }, resolve);
  // It may fail once more when the answer is left unread.
  sending.on('error', reject);
  sending.end(bytes);
  const answer = await promise;
  answer.destroy();
  const { statusCode = 0 } = answer;
  if (statusCode < 200 || statusCode > 299) throw new Error(`it answered ${statusCode}`);
}
