/** What runs in the namespaces of a test: servers that say who asked, and clients. Each answer is a line of JSON. */
import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { createServer, request } from 'node:http';
import { connect, createServer as createTcpServer } from 'node:net';
import { createInterface } from 'node:readline';

const WAIT_MS_MAX = Number(process.env.WAIT_MS_MAX ?? 5_000);
const say = (answer: unknown): void => void process.stdout.write(`${JSON.stringify(answer)}\n`);
const plain = (address: string | undefined): string => (address ?? '').replace(/^::ffff:/, '');
const end = (answer: unknown): void => {
  say(answer);
  process.exit(0);
};
const failed = (error: unknown): void =>
  end({ error: error instanceof Error ? `${'code' in error ? error.code : ''} ${error.message}` : String(error) });

const [job = '', ...args] = process.argv.slice(2);
const [first = '', second = '', third = ''] = args;

const jobs: Record<string, () => unknown> = {
  /** serve PORT NAME: HTTP; says who asked, and what it was asked for. */
  serve: () =>
    createServer(({ socket, headers }, answer) =>
      answer.end(JSON.stringify({ by: second, from: plain(socket.remoteAddress), host: headers.host })),
    ).listen(Number(first), '::', () => say({ serving: true })),
  /** echo PORT: TCP; says who came, then says again what it hears. */
  echo: () =>
    createTcpServer((socket) => {
      socket.on('error', () => {});
      socket.write(`${plain(socket.remoteAddress)}\n`);
      socket.pipe(socket);
    }).listen(Number(first), '::', () => say({ serving: true })),
  /** take PORT: UDP; nobody else can have it. */
  take: () => createSocket('udp4').bind(Number(first), () => say({ taken: true })),
  /** hold HOST PORT: a TCP connection; what is said on stdin goes there, what comes from there is said. */
  hold: () => {
    const socket = connect(Number(second), first);
    socket.on('error', failed);
    socket.on('close', () => end({ closed: true }));
    createInterface({ input: socket }).on('line', (line) => say({ heard: line }));
    process.stdin.pipe(socket);
  },
  /** get HOST PORT NAME: HTTP. */
  get: () => {
    const headers = third === '' ? {} : { host: third };
    const asked = request({ host: first, port: Number(second), headers, timeout: WAIT_MS_MAX }, async (answer) => {
      let text = '';
      for await (const chunk of answer) text += chunk;
      end(answer.statusCode === 200 ? JSON.parse(text) : { status: answer.statusCode });
    });
    asked.on('timeout', () => failed(new Error('no answer')));
    asked.on('error', failed);
    asked.end();
  },
  /** resolve SERVER NAME TYPE TRIES; TYPE is that of the record, or PTR. */
  resolve: async () => {
    const resolver = new Resolver({ timeout: 2_000, tries: Number(args[3] ?? 3) });
    resolver.setServers([first]);
    end({ found: third === 'PTR' ? await resolver.reverse(second) : await resolver.resolve(second, third) });
  },
};

Promise.resolve()
  .then(() => jobs[job]?.())
  .catch(failed);
