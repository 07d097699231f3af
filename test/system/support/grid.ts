import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { execa } from 'execa';
import { ROUTER, SERVER_ADDRESS } from '#provisioning/rig/plan.ts';
import { type GuestRan, inGuest } from './in-guest.ts';
import type { TestRig } from './rig.ts';

/** Of the guests on the private network of the rig, one on each host. */
export const GRID_GUESTS = { venti: 'host1', cpu1: 'host2' } as const;
export type GridGuest = keyof typeof GRID_GUESTS;
/** What is seen of them outside. */
export const PUBLIC = ROUTER.public.split('/')[0] ?? '';

/** Says to whoever connects where they come from. */
const TELLER = `
  const server = require('node:net').createServer((socket) => socket.on('error', () => {}).end(socket.remoteAddress + '\\n'));
  server.listen(9000, '${SERVER_ADDRESS}', () => console.log('listens'));
`;

/** The private network of the rig, looked at with real packets from all its ends. */
export interface Grid {
  /** `./skerry ARGS`, which must do. @returns what it said */
  skerry: TestRig['does'];
  /** A shell's lines in a guest. */
  sh(guest: GridGuest, text: string): Promise<GuestRan>;
  /** A program in a machine of the rig. */
  machine(name: string, argv: readonly string[]): Promise<{ exitCode: number; stdout: string }>;
  /** What somebody outside gets by a bare connection to a port of the router. */
  dial(port: number): Promise<string>;
  /** What somebody outside gets by HTTP from the router, at a host name. */
  get(host: string): Promise<string>;
  /** Where a server outside sees guests come from, while `work` goes on. */
  whileSeen(work: (seen: (guest: GridGuest) => Promise<string>) => Promise<void>): Promise<void>;
}

export function gridOf(rig: TestRig): Grid {
  const sh = (name: GridGuest, text: string) => inGuest(rig, GRID_GUESTS[name], name, ['/bin/sh', '-c', text]);
  const machine = async (name: string, argv: readonly string[]) => {
    const entered = ['-t', `${rig.part(name).pid}`, '-a', '--', ...argv];
    const ran = await execa('nsenter', entered, { reject: false, timeout: 20_000 });
    return { exitCode: ran.exitCode ?? -1, stdout: ran.stdout };
  };
  const say = async (port: number, words: string): Promise<string> => {
    const dial = `exec 3<>/dev/tcp/${PUBLIC}/${port}; printf '${words}' >&3; cat <&3`;
    return (await machine('server', ['timeout', '5', 'bash', '-c', dial])).stdout;
  };
  return {
    sh,
    machine,
    skerry: rig.does,
    dial: (port) => say(port, ''),
    get: async (host) => (await say(80, `GET / HTTP/1.0\\r\\nHost: ${host}\\r\\n\\r\\n`)).split('\n').at(-1) ?? '',
    whileSeen: async (work) => {
      const teller = spawn('nsenter', ['-t', `${rig.part('server').pid}`, '-n', '--', process.execPath, '-e', TELLER]);
      const closed = once(teller, 'close');
      try {
        await once(teller.stdout, 'data');
        await work(async (guest) => (await sh(guest, `nc -w 5 ${SERVER_ADDRESS} 9000 </dev/null`)).stdout.trim());
      } finally {
        teller.kill('SIGKILL');
        await closed;
      }
    },
  };
}
