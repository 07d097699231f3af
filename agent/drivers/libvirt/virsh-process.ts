import { randomBytes } from 'node:crypto';
import { startSession } from '#agent/exec/session.ts';

// Responsibilities: one running `virsh`, and where in what it says the answer to a command begins and ends.
//
// Theory of operation: virsh reads commands from its standard input, echoes each line, and does not say where an answer
// ends, nor whether it is one. So each command is sent between two `echo` of a token that nobody can foresee, and a
// third on stderr: what stands between is the answer, what came on stderr is what went wrong. The token is written
// with `""` in it, so that its echo in the input is never taken for the token. The third has a line of its own, since
// virsh runs nothing of a line that it cannot parse. A character of a line costs 3 µs (readline).
//
// What can go wrong: virsh ends, and so the answer never comes (`problem` says so); libvirtd restarts, and virsh
// connects again by itself at the next command, saying so on stderr, which is no error.

export interface VirshProcess {
  /** Send one line and wait for its answer; one at a time. Never rejects. */
  exchange(line: string): Promise<Answer>;
  /** Whether it can be asked. */
  readonly alive: boolean;
  kill(): Promise<void>;
}

/** `problem` is what virsh said on stderr; empty when all went well. */
export interface Answer {
  out: string;
  problem: string;
}

const ENV = {
  LC_ALL: 'C.UTF-8', // English, and readline takes letters of any script
  TERM: 'dumb',
  INPUTRC: '/dev/null',
  VIRSH_HISTSIZE: '0',
};

/** What virsh says on stderr about its connection although the command goes well. */
const CONNECTION_NOTES = /^error: (?:Disconnected from .*|Reconnected to the hypervisor)\n/gm;

/** Start a virsh on a connection URI. */
export function virshProcess(uri: string): VirshProcess {
  const nonce = randomBytes(6).toString('hex');
  let serial = 0;
  let token = '';
  let out = '';
  let errors = '';
  let alive = true;
  let deliver: ((answer: Answer) => void) | undefined;

  const settle = (answer: Answer) => {
    const to = deliver;
    deliver = undefined;
    to?.(answer);
  };
  const look = () => {
    const errorEnd = errors.lastIndexOf(`error: ${token}/`);
    if (!deliver || errorEnd < 0) return;
    const problem = errors.slice(0, errorEnd).replace(CONNECTION_NOTES, '').trim();
    if (problem) return settle({ out: '', problem });
    const end = out.lastIndexOf(`${token}/`);
    if (end < 0) return;
    settle({ out: out.slice(out.indexOf(`${token}:`) + token.length + 1, end), problem: '' });
  };
  const session = startSession({
    file: 'virsh',
    args: ['-q', '-c', uri],
    env: ENV,
    onOut: (chunk) => {
      out += chunk;
      look();
    },
    onError: (chunk) => {
      errors += chunk;
      look();
    },
  });
  session.ended.then(({ problem }) => {
    alive = false;
    settle({ out: '', problem: `virsh ended: ${errors.trim() || problem}` });
  });

  return {
    get alive() {
      return alive;
    },
    exchange: (line) => {
      const { promise, resolve } = Promise.withResolvers<Answer>();
      if (!alive) return Promise.resolve({ out: '', problem: 'virsh ended' });
      deliver = resolve;
      token = `${nonce}.${++serial}`;
      out = '';
      errors = '';
      const halves = `${token.slice(0, 4)}""${token.slice(4)}`;
      session.write(`echo ${halves}:; ${line}; echo ${halves}/\necho --err ${halves}/\n`);
      return promise;
    },
    kill: async () => {
      alive = false;
      await session.kill();
    },
  };
}
