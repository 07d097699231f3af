import { z } from 'zod';
import { Duration } from './duration.ts';
import { HostName } from './host.ts';

const HOST_PORT = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?):([1-9]\d{0,4})$/;
const DIAL = /^(tcp|\/net(\.\w+)?\/tcp)!([^!\s]+)!([1-9]\d{0,4})$/;
const WEB = /^https?:\/\/\S+$/;
const NBD =
  /^nbd:\/\/(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)(:[1-9]\d{0,4})?\/[A-Za-z0-9._~-]{1,255}$/;
const TESTS = ['state', 'tcp', 'http', 'dns', 'nbd', 'agent', 'console', 'presence', 'command'] as const;
const RIGHT =
  'say state, tcp!HOST!PORT, HOST:PORT, a URL, or a map with one of state, tcp, http, dns, nbd, agent, console, presence, command, all, any';

/** Plan 9's dial string as HOST:PORT: which stack it names (`/net.alt`) is said by `network` here. */
function hostPortOf(text: string): string {
  const [, , , host = '', port = ''] = DIAL.exec(text) ?? [];
  if (!host) return text;
  return `${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}:${port}`;
}

const Address = z
  .string()
  .transform(hostPortOf)
  .refine((text) => HOST_PORT.test(text), { error: 'write HOST:PORT or tcp!HOST!PORT', abort: true })
  .refine((text) => Number(text.slice(text.lastIndexOf(':') + 1)) <= 65_535, 'a port is at most 65535');

const oneWord = (most: number) =>
  z
    .string()
    .min(1)
    .max(most)
    .regex(/^[^\s\p{Cc}]*$/u, 'write it without blanks');

const Pattern = z.string().min(1).max(500).refine(isPattern, 'this is not a regular expression');

function isPattern(text: string): boolean {
  try {
    new RegExp(text, 'u');
    return true;
  } catch {
    return false;
  }
}

const shape = {
  state: z
    .literal(true)
    .optional()
    .meta({ description: 'The hypervisor or the agent says that it is up; nothing more.' }),
  tcp: Address.optional().meta({ description: 'HOST:PORT or tcp!HOST!PORT takes a connection.' }),
  http: z
    .strictObject({
      url: z
        .string()
        .regex(WEB, 'write a URL that begins with http:// or https://')
        .meta({ description: 'What is fetched.' }),
      status: z.int().min(100).max(599).default(200).meta({ description: 'The status that it answers with.' }),
      body: Pattern.optional().meta({ description: 'A regular expression that its body matches.' }),
      insecure: z
        .boolean()
        .default(false)
        .meta({ description: 'Take any certificate, also one that nobody vouches for.' }),
    })
    .optional()
    .meta({ description: 'The URL answers with this status, and a body that matches.' }),
  dns: oneWord(253).optional().meta({ description: 'The name resolves.' }),
  nbd: z
    .string()
    .regex(NBD, 'write nbd://HOST:PORT/EXPORT')
    .refine((text) => URL.canParse(text), 'a port is at most 65535')
    .optional()
    .meta({ description: 'An NBD server there lists this export: nbd://HOST:PORT/EXPORT.' }),
  agent: z.literal(true).optional().meta({ description: 'The guest agent inside answers.' }),
  console: Pattern.optional().meta({ description: 'A line of the serial console since the start matches.' }),
  presence: oneWord(1023)
    .regex(/^([^@/]+@)?[^@/]+(\/.+)?$/, 'write a JID, such as bob@example.org or bob@example.org/phone')
    .optional()
    .meta({ description: 'This JID is available, as central sees it; with a resource, that one.' }),
  command: oneWord(64).optional().meta({ description: 'A command that the host allows by this name exits with 0.' }),
  from: HostName.optional().meta({
    description: 'The host that looks; by default the one of the node, and for a check any that is heard.',
  }),
  network: oneWord(64).optional().meta({ description: 'The network it is looked at from.' }),
};

/** One test, in full. What it was read as is read as the same again. */
export const ReadyTest = z
  .strictObject(shape)
  .refine((test) => TESTS.filter((name) => test[name] !== undefined).length === 1, RIGHT);
/** What is written in one word. */
const Word = z
  .string()
  .refine((text) => text === 'state' || [WEB, NBD, HOST_PORT, DIAL].some((right) => right.test(text)), RIGHT)
  .transform((text): z.input<typeof ReadyTest> => {
    if (text === 'state') return { state: true };
    if (NBD.test(text)) return { nbd: text };
    return WEB.test(text) ? { http: { url: text } } : { tcp: text };
  })
  .pipe(ReadyTest);
const Test = z.union([Word, ReadyTest], { error: RIGHT });

/** The bounds of the pause between two looks. */
export const EVERY_MS_MIN = 100;
export const EVERY_MS_MAX = 3_600_000;

/** How often, how many times, and how old an answer may be. */
const pace = {
  every: Duration.refine(
    (ms) => ms >= EVERY_MS_MIN && ms <= EVERY_MS_MAX,
    `look at most every ${EVERY_MS_MIN}ms, and at least every ${EVERY_MS_MAX / 3_600_000}h`,
  )
    .prefault('2s')
    .meta({ description: 'How long between two looks.' }),
  good: z.int().min(1).max(1_000).default(1).meta({ description: 'Good answers in a row.' }),
  fresh: Duration.prefault('30s').meta({ description: 'How old the last good answer may be.' }),
};

const Full = z
  .strictObject({
    ...shape,
    all: z.array(Test).min(1).max(32).optional().meta({ description: 'Tests that all have to be good.' }),
    any: z.array(Test).min(1).max(32).optional().meta({ description: 'Tests of which one has to be good.' }),
    ...pace,
  })
  .refine(
    (ready) => [...TESTS, 'all' as const, 'any' as const].filter((name) => ready[name] !== undefined).length === 1,
    RIGHT,
  )
  .refine((ready) => ready.fresh >= ready.every, 'fresh is at least every: an answer would be stale before the next')
  .transform(({ all, any, every, good, fresh, ...test }) => ({
    mode: any ? ('any' as const) : ('all' as const),
    // From where it is looked holds for each test that does not say otherwise.
    tests: (all ?? any)?.map((each) => ({ ...test, ...each })) ?? [test],
    everyMs: every,
    good,
    freshMs: fresh,
  }));

/** What ready means for a node: tests, each seen from somewhere, all or any of them good, some times in a row, not long ago. */
export const Ready = z.union([Word.transform((test): z.input<typeof Full> => test).pipe(Full), Full], { error: RIGHT });
export type Ready = z.infer<typeof Ready>;
export type ReadyTest = z.infer<typeof ReadyTest>;

/** Whether the state alone tells, so that nobody has to probe. */
export const isStateOnly = (ready: Ready | undefined): boolean =>
  ready === undefined || ready.tests.every((test) => test.state === true);
