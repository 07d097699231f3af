/** A promise, or the reason of a signal that fires first. */
export async function within<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const called = Promise.withResolvers<never>();
  const onAbort = (): void => called.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, called.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
