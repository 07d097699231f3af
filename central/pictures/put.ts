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
  sending.once('error', reject);
  sending.end(bytes);
  const { statusCode = 0, destroy } = await promise.then((answer) => ({
    statusCode: answer.statusCode,
    destroy: () => void answer.destroy(),
  }));
  // What else it says is of no use.
  destroy();
  if (statusCode < 200 || statusCode > 299) throw new Error(`it answered ${statusCode}`);
}
