import type { Readable } from 'node:stream';

/** The first line of a stream; what is behind it is left in it. @throws Error: none came, or it is too long; the signal's reason */
export async function readLine(stream: Readable, bytesMax: number, signal: AbortSignal): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let got = Buffer.alloc(0);
  const take = (): void => {
    for (let chunk: Buffer | null = stream.read(); chunk; chunk = stream.read()) got = Buffer.concat([got, chunk]);
    const end = got.indexOf('\n');
    if (end < 0 && got.length <= bytesMax) return;
    stream.off('readable', take);
    if (end < 0 || end > bytesMax) {
      reject(new Error('its first line is too long'));
      return;
    }
    if (end + 1 < got.length) stream.unshift(got.subarray(end + 1));
    resolve(got.toString('utf8', 0, end));
  };
  const ended = (): void => reject(new Error('it ended before a line'));
  const fail = (error: unknown): void => reject(error);
  const onAbort = (): void => reject(signal.reason);
  stream.on('readable', take).once('end', ended).once('close', ended).once('error', fail);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await promise;
  } finally {
    stream.off('readable', take).off('end', ended).off('close', ended).off('error', fail);
    signal.removeEventListener('abort', onAbort);
  }
}
