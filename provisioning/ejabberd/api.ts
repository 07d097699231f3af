import { request } from 'node:http';
import { Failure } from '#shared/errors.ts';
import type { Address } from './options.ts';

/** One call of ejabberd's HTTP API (docs.ejabberd.im/developer/ejabberd-api). Secrets in `args` are never logged. */
export type EjabberdApi = (command: string, args: Readonly<Record<string, unknown>>) => Promise<unknown>;

const TIMEOUT_MS = 15_000;
const BYTES_MAX = 16_777_216;

/** @throws Failure server-unreachable, peer-refused */
export function ejabberdApi(at: Address): EjabberdApi {
  const place = 'socket' in at ? { socketPath: at.socket } : { host: at.ip, port: at.port };
  return async (command, args) => {
    const { status, text } = await post(place, `/api/${command}`, JSON.stringify(args));
    const answer = parsed(text);
    if (status === 200) return answer;
    throw new Failure('peer-refused', { peer: `ejabberd ${command}`, condition: status, problem: problemOf(answer) });
  };
}

function post(place: object, path: string, body: string): Promise<{ status: number; text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
  const call = request({
    ...place,
    path,
    method: 'POST',
    headers: { 'content-type': 'application/json', host: 'localhost' },
    timeout: TIMEOUT_MS,
  });
  call.on('timeout', () => call.destroy(new Error('no answer in time')));
  call.on('error', (error) =>
    reject(
      new Failure('server-unreachable', { service: 'the API of ejabberd', problem: error.message }, { cause: error }),
    ),
  );
  call.on('response', (response) => {
    let text = '';
    response.setEncoding('utf8');
    response.on('data', (part: string) => {
      text += part;
      if (text.length > BYTES_MAX) call.destroy(new Error('the answer is too long'));
    });
    response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
  });
  call.end(body);
  return promise;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

const problemOf = (answer: unknown): string =>
  typeof answer === 'object' && answer !== null && 'message' in answer
    ? String(answer.message)
    : String(answer).slice(0, 200);
