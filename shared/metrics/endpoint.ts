import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { Registry } from 'prom-client';
import { z } from 'zod';
import { Failure } from '#shared/errors.ts';

/** The key `metrics` of a configuration. */
export const MetricsConfig = z
  .strictObject({ port: z.int().min(1).max(65_535).meta({ description: 'TCP port on 127.0.0.1.' }) })
  .optional()
  .meta({
    description: 'Prometheus reads metrics at `http://127.0.0.1:PORT/metrics`. Without it, nothing listens.',
  });

/**
 * Answer Prometheus, in its text format 0.0.4, to this machine alone.
 * @returns what ends it
 * @throws Failure config-invalid: the port is taken
 */
export async function serveMetrics(
  registry: Registry,
  { port }: { port: number },
  onBug: (error: unknown) => void,
): Promise<() => Promise<void>> {
  const server = createServer(answering(registry, onBug));
  server.listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (error) {
    const problem = `127.0.0.1:${port} cannot be listened on: ${(error as NodeJS.ErrnoException).code ?? error}`;
    throw new Failure('config-invalid', { file: 'metrics.port', problem });
  }
  return async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
}

/** What answers a request, whatever is asked for. */
export const answering =
  (registry: Pick<Registry, 'metrics' | 'contentType'>, onBug: (error: unknown) => void): RequestListener =>
  (request, response) => {
    const answer = (status: number, type: string, text: string): void =>
      void response.writeHead(status, { 'content-type': type }).end(text);
    if (URL.parse(request.url ?? '/', 'http://localhost')?.pathname !== '/metrics')
      return answer(404, 'text/plain', 'There is only /metrics here.\n');
    if (request.method !== 'GET') return answer(405, 'text/plain', 'Only GET is answered.\n');
    registry.metrics().then(
      (text) => answer(200, registry.contentType, text),
      (error) => {
        onBug(error);
        answer(500, 'text/plain', 'The metrics cannot be read; the log says why.\n');
      },
    );
  };
