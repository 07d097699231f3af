import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { Failure, messageOf } from '#shared/errors.ts';
import { HostName } from '#shared/model/host.ts';
import { Policy } from '#shared/verb/policy.ts';
import { localpartOf } from '#shared/xmpp/jid.ts';

const Path = z.string().min(1);

const DriverConfig = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('libvirt').meta({ description: 'Through virsh.' }),
    uri: z
      .string()
      .default('qemu:///system')
      .meta({ description: 'Connection URI: `qemu:///system`, `xen:///system`, `lxc:///system`.' }),
    consoleFolder: Path.optional().meta({
      description: 'Where console logs of guests that Skerry defines go; libvirt must be able to write there.',
    }),
  }),
  z.strictObject({
    kind: z.literal('fake').meta({ description: 'Guests that are none: for trying out, and for scale.' }),
    guests: z.int().min(0).max(100_000).default(4).meta({ description: 'How many there are at first.' }),
    bootMs: z.int().min(0).default(0).meta({ description: 'How long one takes to boot.' }),
    stateFile: Path.optional().meta({ description: 'Keeps them over restarts.' }),
  }),
]);

/** The agent's configuration: a YAML file. Paths in it are relative to it. */
export const AgentConfig = z.strictObject({
  jid: z
    .string()
    .regex(/^[^@\s/]+@[^@\s/]+$/, 'a bare JID is due, as host1@example.org')
    .meta({ description: "Bare JID of this host's account." }),
  host: HostName.optional().meta({ description: 'Name of this host; without it, the localpart of `jid`.' }),
  credentials: Path.meta({
    description: 'File with the account, as enrolment writes it: JSON with `jid` and `password`, mode 0600.',
  }),
  service: z
    .strictObject({
      host: z.string().min(1).meta({ description: 'Name or address of the XMPP server.' }),
      port: z.int().min(1).max(65_535).default(5222).meta({ description: 'Its port for clients.' }),
      directTls: z
        .boolean()
        .default(false)
        .meta({ description: 'TLS from the first byte (port 5223), in place of STARTTLS.' }),
    })
    .meta({ description: 'Where the agent dials.' }),
  ca: Path.optional().meta({
    description: "PEM file of the site's certificate authority; without it, those that Node trusts.",
  }),
  driver: DriverConfig.meta({ description: 'What runs the guests.' }),
  state: Path.meta({ description: 'Folder for the journal; mode 0700.' }),
  policy: Policy.default({ roles: {}, grants: [] }).meta({ description: 'Who may do what, here.' }),
  log: z
    .enum(['debug', 'info', 'warn', 'error'])
    .default('info')
    .meta({ description: 'What is logged, as JSON lines on stdout.' }),
  consoleBytes: z
    .int()
    .min(4096)
    .max(67_108_864)
    .default(262_144)
    .meta({ description: 'How much of each serial console is kept.' }),
  keepDays: z
    .int()
    .min(1)
    .max(3650)
    .default(90)
    .meta({ description: 'How long ended operations and jobs are kept; the audit trail stays.' }),
  limits: z
    .strictObject({
      underWay: z.int().min(1).default(512).meta({ description: 'Requests under way at once, in all.' }),
      underWayEach: z.int().min(1).default(128).meta({ description: 'Requests under way at once, of one account.' }),
    })
    .default({ underWay: 512, underWayEach: 128 })
    .meta({ description: 'Bounds.' }),
});
export type AgentConfig = z.infer<typeof AgentConfig> & { host: string };

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
  const parsed = AgentConfig.safeParse(document.toJS({ maxAliasCount: 0 }));
  if (!parsed.success)
    throw new Failure('config-invalid', {
      file,
      problem: parsed.error.issues.map((issue) => problemOf(issue, document, lines)).join('; '),
    });
  const config = parsed.data;
  const at = (path: string): string => resolve(dirname(file), path);
  return {
    ...config,
    host: config.host ?? HostName.parse(localpartOf(config.jid)),
    credentials: at(config.credentials),
    state: at(config.state),
    ...(config.ca ? { ca: at(config.ca) } : {}),
  };
}

function problemOf(issue: z.core.$ZodIssue, document: ReturnType<typeof parseDocument>, lines: LineCounter): string {
  const node = document.getIn(issue.path, true) as { range?: [number, number, number] } | undefined;
  const line = node?.range ? `line ${lines.linePos(node.range[0]).line}: ` : '';
  return `${line}${issue.path.join('.') || 'the file'}: ${issue.message}`;
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

function jsonOf(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Failure('config-invalid', { file, problem: messageOf(error) }, { cause: error });
  }
}
