import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { type SecureContext, TLSSocket } from 'node:tls';
import { type Element, Parser } from '@xmpp/xml';

export const SM_NS = 'urn:xmpp:sm:3';
const STREAM = `xmlns:stream="http://etherx.jabber.org/streams" version="1.0"`;

export interface Script {
  /** Offered as STARTTLS; without it the server stays in the clear. */
  tls?: SecureContext;
  password?: string;
  mechanism?: 'SCRAM-SHA-1' | 'SCRAM-SHA-256';
  iterations?: number;
  /** Puts another proof of the server in place of the right one. */
  proof?(right: string): string;
  /** What the features after the login offer, besides resource binding. */
  features?: string;
  /** Put into the same packet behind the answer to STARTTLS's offer, or before TLS. */
  beforeTls?: string;
  /** Answers <resume/>; without it the session is unknown. */
  resumed?(peer: Peer, resume: Element): string;
  /** Put into the same packet behind <enabled/>. */
  behindEnabled?: string;
}

/** A server on loopback that does what a test says: enough of RFC 6120 and XEP-0198 to log in, and then whatever is sent by hand. */
export class ScriptedServer {
  readonly script: Script;
  readonly peers: Peer[] = [];
  readonly #server: Server;
  #waiting: ((peer: Peer) => void)[] = [];

  private constructor(script: Script, server: Server) {
    this.script = script;
    this.#server = server;
  }

  static async start(
    script: Script = {},
    handle: (peer: Peer) => void = loginOf(script),
    port = 0,
  ): Promise<ScriptedServer> {
    const server = createServer({ noDelay: true });
    const scripted = new ScriptedServer(script, server);
    server.on('connection', (socket) => {
      const peer = new Peer(socket);
      scripted.peers.push(peer);
      handle(peer);
      for (const resolve of scripted.#waiting.splice(0)) resolve(peer);
    });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return scripted;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The peer of the `n`th connection, once it is there. */
  async peer(n = 1): Promise<Peer> {
    while (this.peers.length < n) await new Promise<Peer>((resolve) => this.#waiting.push(resolve));
    return this.peers[n - 1] as Peer;
  }

  async stop(): Promise<void> {
    for (const peer of this.peers) peer.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** The server's end of one connection. */
export class Peer {
  socket: Socket;
  readonly received: Element[] = [];
  /** All bytes that came in the clear. */
  clear = '';
  isClosed = false;
  onElement: (element: Element) => void = () => {};
  onHeader: () => void = () => {};
  readonly #waiting: { matches(element: Element): boolean; resolve(element: Element): void }[] = [];
  #parser: Parser | undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    this.#listen(socket, true);
  }

  #listen(socket: Socket, isClear: boolean): void {
    this.socket = socket;
    socket.on('error', () => {});
    socket.on('close', () => {
      this.isClosed = true;
    });
    socket.on('data', (data: Buffer) => {
      if (isClear) this.clear += data.toString();
      if (/^<\?xml|^<stream:stream/.test(data.toString())) this.#parser = this.#parserOf();
      this.#parser?.write(data.toString());
    });
  }

  #parserOf(): Parser {
    const parser = new Parser();
    parser.on('start', () => this.onHeader());
    parser.on('end', () => this.socket.end('</stream:stream>'));
    parser.on('error', () => {});
    parser.on('element', (element: Element) => {
      this.received.push(element);
      this.onElement(element);
      for (const wait of this.#waiting.filter(({ matches }) => matches(element))) {
        this.#waiting.splice(this.#waiting.indexOf(wait), 1);
        wait.resolve(element);
      }
    });
    return parser;
  }

  send(text: string | Uint8Array): void {
    this.socket.write(text);
  }

  /** The first element, of those that came or will come, that matches. */
  async get(matches: (element: Element) => boolean): Promise<Element> {
    const there = this.received.find(matches);
    return there ?? this.next(matches);
  }

  next(matches: (element: Element) => boolean): Promise<Element> {
    return new Promise((resolve) => this.#waiting.push({ matches, resolve }));
  }

  /** Ask with XEP-0198 how many stanzas the client has handled. */
  async countOfClient(): Promise<number> {
    const answer = this.next((element) => element.is('a', SM_NS));
    this.send(`<r xmlns="${SM_NS}"/>`);
    return Number((await answer).attrs.h);
  }

  startTls(secureContext: SecureContext): void {
    const plain = this.socket;
    plain.removeAllListeners('data');
    this.#listen(new TLSSocket(plain, { isServer: true, secureContext }), false);
  }

  cut(): void {
    this.socket.destroy();
  }
}

/** What the server does until the session is there. */
export function loginOf(script: Script): (peer: Peer) => void {
  return (peer) => {
    let isSecure = script.tls === undefined;
    let scram: ServerScram | undefined;
    let isLoggedIn = false;
    peer.onHeader = () => {
      peer.send(`<?xml version="1.0"?><stream:stream xmlns="jabber:client" from="skerry.test" id="s1" ${STREAM}>`);
      const offer = `<mechanism>${script.mechanism ?? 'SCRAM-SHA-1'}</mechanism>`;
      const features = !isSecure
        ? `<starttls xmlns="urn:ietf:params:xml:ns:xmpp-tls"/>`
        : !isLoggedIn
          ? `<mechanisms xmlns="urn:ietf:params:xml:ns:xmpp-sasl">${offer}</mechanisms>`
          : `<bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"/>${script.features ?? ''}`;
      peer.send(`${isSecure ? '' : (script.beforeTls ?? '')}<stream:features>${features}</stream:features>`);
    };
    peer.onElement = (element) => {
      if (element.name === 'starttls' && script.tls) {
        peer.send('<proceed xmlns="urn:ietf:params:xml:ns:xmpp-tls"/>');
        isSecure = true;
        peer.startTls(script.tls);
      } else if (element.name === 'auth') {
        scram = new ServerScram(script);
        peer.send(sasl('challenge', scram.first(Buffer.from(element.getText(), 'base64').toString())));
      } else if (element.name === 'response') {
        const final = scram?.final(Buffer.from(element.getText(), 'base64').toString());
        isLoggedIn = final !== undefined;
        peer.send(final === undefined ? refusal : sasl('success', final));
      } else if (element.name === 'iq' && element.getChild('bind')) peer.send(boundFor(element));
      else if (element.name === 'enable') {
        peer.send(`<enabled xmlns="${SM_NS}" id="session-1" resume="true"/>${script.behindEnabled ?? ''}`);
      } else if (element.name === 'resume') {
        const gone = `<failed xmlns="${SM_NS}"><item-not-found xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></failed>`;
        peer.send(script.resumed?.(peer, element) ?? gone);
      }
    };
  };
}

const refusal = '<failure xmlns="urn:ietf:params:xml:ns:xmpp-sasl"><not-authorized/></failure>';
const sasl = (name: string, text: string): string =>
  `<${name} xmlns="urn:ietf:params:xml:ns:xmpp-sasl">${Buffer.from(text).toString('base64')}</${name}>`;
const boundFor = (request: Element): string => {
  const resource = request.getChild('bind')?.getChildText('resource') ?? 'given';
  return `<iq type="result" id="${request.attrs.id}"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"><jid>me@skerry.test/${resource}</jid></bind></iq>`;
};

/** The server's half of SCRAM (RFC 5802 section 3). */
class ServerScram {
  readonly #script: Script;
  readonly #salt = randomBytes(16);
  #clientBare = '';
  #challenge = '';

  constructor(script: Script) {
    this.#script = script;
  }

  first(message: string): string {
    this.#clientBare = message.replace(/^n,,/, '');
    const nonce = /r=(.*)$/.exec(this.#clientBare)?.[1];
    const rounds = this.#script.iterations ?? 4096;
    this.#challenge = `r=${nonce}server,s=${this.#salt.toString('base64')},i=${rounds}`;
    return this.#challenge;
  }

  /** Undefined: the password is wrong. */
  final(message: string): string | undefined {
    const hash = this.#script.mechanism === 'SCRAM-SHA-256' ? 'sha256' : 'sha1';
    const length = hash === 'sha256' ? 32 : 20;
    const mac = (key: Buffer, text: string) => createHmac(hash, key).update(text).digest();
    const rounds = this.#script.iterations ?? 4096;
    const salted = pbkdf2Sync(this.#script.password ?? 'secret', this.#salt, rounds, length, hash);
    const withoutProof = message.replace(/,p=[^,]*$/, '');
    const all = `${this.#clientBare},${this.#challenge},${withoutProof}`;
    const clientKey = mac(salted, 'Client Key');
    const signature = mac(createHash(hash).update(clientKey).digest(), all);
    const due = Buffer.from(clientKey.map((byte, at) => byte ^ (signature[at] ?? 0))).toString('base64');
    if (!message.endsWith(`,p=${due}`)) return undefined;
    const right = mac(mac(salted, 'Server Key'), all).toString('base64');
    return `v=${this.#script.proof?.(right) ?? right}`;
  }
}
