import { request } from 'node:http';
import { z } from 'zod';
import { Failure } from '#shared/errors.ts';
import type { Address } from './address.ts';

const text = z.string();
const account = { user: text, host: text };
const group = { group: text, host: text };
const member = { ...account, group: text, grouphost: text };
const room = { name: text, service: text };
/** What a command answers when it has something to say and nothing to give. */
const done = z.unknown();
/** 0 is yes, 1 is no, as of a program's exit. */
const exitCode = z.literal([0, 1]);

/** The commands of ejabberd's API that Skerry gives, with what each takes and answers. */
const COMMANDS = {
  status: { args: {}, answer: text },
  register: { args: { ...account, password: text }, answer: done },
  unregister: { args: account, answer: done },
  change_password: { args: { ...account, newpass: text }, answer: done },
  check_account: { args: account, answer: exitCode },
  check_password: { args: { ...account, password: text }, answer: exitCode },
  registered_users: { args: { host: text }, answer: z.array(text) },
  connected_users: { args: {}, answer: z.array(text) },
  kick_user: { args: account, answer: z.object({ num_resources: z.int() }) },
  /** Of a person's contact list; `subs`: `both`. The person's clients are told at once. */
  add_rosteritem: {
    args: { localuser: text, localhost: text, user: text, host: text, nick: text, group: text, subs: text },
    answer: done,
  },
  delete_rosteritem: { args: { localuser: text, localhost: text, user: text, host: text }, answer: done },
  srg_list: { args: { host: text }, answer: z.array(text) },
  /** `display`: 23.01 takes a text and joins a list, later versions take a list; one group reads the same in both. */
  srg_create: {
    args: { ...group, label: text, description: text, display: z.array(text).max(1) },
    answer: z.literal(0),
  },
  srg_delete: { args: group, answer: done },
  srg_get_members: { args: group, answer: z.array(text) },
  srg_user_add: { args: member, answer: done },
  srg_user_del: { args: member, answer: done },
  create_room_with_opts: {
    args: { ...room, host: text, options: z.array(z.strictObject({ name: text, value: text })) },
    answer: done,
  },
  destroy_room: { args: room, answer: done },
} as const satisfies Record<string, { args: z.core.$ZodShape; answer: z.ZodType }>;

type Commands = typeof COMMANDS;
export type Command = keyof Commands;
type Args<C extends Command> = Readonly<z.input<z.ZodObject<Commands[C]['args']>>>;
type Answer<C extends Command> = z.output<Commands[C]['answer']>;

/** One call of ejabberd's HTTP API (docs.ejabberd.im/developer/ejabberd-api). Secrets in `args` are never logged or told. */
export type EjabberdApi = <C extends Command>(command: C, args: Args<C>) => Promise<Answer<C>>;

const TIMEOUT_MS = 15_000;
const BYTES_MAX = 16_777_216;

/** @throws Failure server-unreachable; peer-refused with what ejabberd said */
export function ejabberdApi(at: Address): EjabberdApi {
  const place = 'socket' in at ? { socketPath: at.socket } : { host: at.ip, port: at.port };
  return async (command, args) => {
    const peer = `ejabberd ${command}`;
    const { status, body } = await post(place, `/api/${command}`, JSON.stringify(args));
    const answer = parsed(body);
    if (status !== 200) throw new Failure('peer-refused', { peer, condition: status, problem: problemOf(answer) });
    const { data, error } = COMMANDS[command].answer.safeParse(answer);
    if (error) throw new Failure('peer-refused', { peer, condition: status, problem: z.prettifyError(error) });
    return data as Answer<typeof command>;
  };
}

function post(place: object, path: string, body: string): Promise<{ status: number; body: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>();
  const call = request({
    ...place,
    path,
    method: 'POST',
    headers: { 'content-type': 'application/json', host: 'localhost' },
    // The time for all of it: a socket's own `timeout` would begin anew with each byte.
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const fail = (error: Error): void => {
    const problem = error.name === 'AbortError' ? `no answer within ${TIMEOUT_MS / 1000} s` : error.message;
    reject(new Failure('server-unreachable', { service: 'the API of ejabberd', problem }, { cause: error }));
  };
  call.on('error', fail);
  call.on('response', (response) => {
    let answer = '';
    response.setEncoding('utf8');
    response.on('data', (part: string) => {
      answer += part;
      if (answer.length > BYTES_MAX) call.destroy(new Error('the answer is too long'));
    });
    // Cut off in the middle, an answer ends with an error of the response and none of the call.
    response.on('error', fail);
    response.on('end', () => resolve({ status: response.statusCode ?? 0, body: answer }));
  });
  call.end(body);
  return promise;
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}

const problemOf = (answer: unknown): string =>
  typeof answer === 'object' && answer !== null && 'message' in answer
    ? String(answer.message)
    : String(answer).slice(0, 200);
