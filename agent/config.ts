import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { Failure, messageOf } from '#shared/errors.ts';
import { HostName } from '#shared/model/host.ts';
import { localpartOf } from '#shared/xmpp/jid.ts';
import { keysAt } from './config-reference.ts';
import { AgentConfig } from './config-schema.ts';

export { AgentConfig };

/** @throws Failure config-invalid, naming file, line, key, and what was expected */
export function readConfig(file: string): AgentConfig {
  const lines = new LineCounter();
  const document = parseDocument(textOf(file), { lineCounter: lines });
  const [error] = document.errors;
  if (error)
    throw new Failure('config-invalid', {
      file: `${file}:${lines.linePos(error.pos[0]).line}`,
      problem: error.message.split('\n')[0],
    });
  const parsed = AgentConfig.safeParse(plainOf(document, file));
  if (!parsed.success)
    throw new Failure('config-invalid', {
      file,
      problem: parsed.error.issues.map((issue) => problemOf(issue, document, lines)).join('; '),
    });
  const config = parsed.data;
  const at = (path: string): string => resolve(dirname(file), path);
  return {
    ...config,
    host: config.host ?? hostOf(config.jid, file),
    credentials: at(config.credentials),
    state: at(config.state),
    ...(config.ca ? { ca: at(config.ca) } : {}),
  };
}

/** Aliases (`*name`) are not taken: they can make a small file large. */
function plainOf(document: ReturnType<typeof parseDocument>, file: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 0 });
  } catch (error) {
    throw new Failure('config-invalid', { file, problem: 'aliases (*name) are not taken here' }, { cause: error });
  }
}

function hostOf(jid: string, file: string): string {
  const parsed = HostName.safeParse(localpartOf(jid));
  if (parsed.success) return parsed.data;
  const problem = `the localpart of jid is no name for a host (${parsed.error.issues[0]?.message}): give \`host\``;
  throw new Failure('config-invalid', { file, problem });
}

function problemOf(issue: z.core.$ZodIssue, document: ReturnType<typeof parseDocument>, lines: LineCounter): string {
  const unknown = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  const line = lineOf(document, unknown === undefined ? issue.path : [...issue.path, unknown], lines);
  const where = issue.path.join('.') || 'the file';
  if (unknown === undefined) return `${line}${where}: ${issue.message}`;
  const keys = keysAt(issue.path);
  return `${line}${where}: there is no key ${unknown}${keys.length > 0 ? `; there are ${keys.join(', ')}` : ''}`;
}

/** Where a key or its value stands; where there is none, the line of what should hold it. */
function lineOf(document: ReturnType<typeof parseDocument>, path: readonly PropertyKey[], lines: LineCounter): string {
  for (let depth = path.length; depth > 0; depth--) {
    const node = document.getIn(path.slice(0, depth), true) as { range?: [number, number, number] } | undefined;
    if (node?.range) return `line ${lines.linePos(node.range[0]).line}: `;
  }
  return '';
}

const Credentials = z.object({ jid: z.string(), password: z.string().min(1) });

/** @throws Failure config-invalid, also for a file that others can read */
export function readPassword(config: Pick<AgentConfig, 'credentials' | 'jid'>): string {
  const { credentials: file } = config;
  const text = textOf(file);
  if ((statSync(file).mode & 0o077) !== 0)
    throw new Failure('config-invalid', { file, problem: 'others can read it: chmod 600' });
  const parsed = Credentials.safeParse(jsonOf(file, text));
  if (!parsed.success)
    throw new Failure('config-invalid', { file, problem: 'JSON with jid and password is due, as enrolment writes it' });
  if (parsed.data.jid.toLowerCase() !== config.jid.toLowerCase())
    throw new Failure('config-invalid', {
      file,
      problem: `it is for ${parsed.data.jid}, and this agent is ${config.jid}`,
    });
  return parsed.data.password;
}

export function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Failure('config-invalid', { file, problem: messageOf(error) }, { cause: error });
  }
}

/** What a parser says of it could hold the password. */
function jsonOf(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Failure('config-invalid', { file, problem: 'it is not JSON' });
  }
}
