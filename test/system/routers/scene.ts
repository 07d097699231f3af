import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Run, run } from '#agent/exec/run.ts';
import { portLinkOf } from '#shared/model/network.ts';

/** A host for a test: network and mount namespaces of its own, so that nothing of the machine is touched and all goes with it. */
export interface Scene {
  /** Runs commands on that host. */
  run: Run;
  /** On this machine's disk; services of the host see it too. */
  folder: string;
  ip(...args: string[]): Promise<string>;
  /** Start a job of peer.ts that goes on, in a namespace of the host. */
  start(namespace: string, ...args: string[]): Promise<Talk>;
  /** A machine with one leg on a bridge of the host; its link there is called as a guest's is. */
  machine(
    name: string,
    at: { bridge: string; mac: string; addresses?: readonly string[]; gateways?: readonly string[] },
  ): Promise<Machine>;
  close(): Promise<void>;
}

export interface Machine {
  name: string;
  run(...argv: string[]): Promise<string>;
  /** Asks for an address, and takes what it gets. Undefined where nobody gives one, however often it asks, a second each. */
  dhcp(times?: number): Promise<Offer | undefined>;
  /** What peer.ts answers. */
  ask(...args: string[]): Promise<Record<string, unknown>>;
  /** Whether an HTTP server answers there; where what is sent is dropped, nobody says so, and a short wait has to do. */
  reaches(address: string, port?: number): Promise<boolean>;
  /** Start a job of peer.ts that goes on. */
  start(...args: string[]): Promise<Talk>;
  startProgram(...argv: string[]): Promise<Talk>;
}

/** What DHCP gave. */
export interface Offer {
  ip: string;
  router: string;
  dns: string;
  mtu: string;
  domain: string;
}

/** A program that says lines of JSON, and hears lines. */
export interface Talk {
  child: ChildProcess;
  next(): Promise<Record<string, unknown>>;
  say(line: string): void;
  end(): Promise<void>;
}

/** Whether there can be no such host here; it says why. */
export function isSceneless(): boolean {
  if (process.getuid?.() === 0) return false;
  process.stderr.write('    only root makes network namespaces: nothing is tested here\n');
  return true;
}

const PEER = fileURLToPath(new URL('peer.ts', import.meta.url));
const UDHCPC = `#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr replace "$ip/$mask" dev eth0
[ -z "$router" ] || ip route replace default via "$router"
printf '{"ip":"%s","router":"%s","dns":"%s","mtu":"%s","domain":"%s"}' "$ip" "$router" "$dns" "$mtu" "$domain"
`;
const HOST =
  'mount --make-rprivate / && mount -t tmpfs tmpfs /run/netns && ip link set lo up && echo ready && exec sleep infinity';
const NEVER = new AbortController().signal;

export async function makeScene(): Promise<Scene> {
  const folder = await mkdtemp(join(tmpdir(), 'skerry-routers-'));
  const script = join(folder, 'udhcpc');
  await writeFile(script, UDHCPC);
  await chmod(script, 0o755);
  await run({ file: 'mkdir', args: ['-p', '/run/netns'], timeoutMs: 5_000 }, NEVER);
  const holder = spawn('unshare', ['--net', '--mount', 'sh', '-c', HOST], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(holder.stdout, 'data');
  const inside = (...argv: string[]): string[] => ['--target', `${holder.pid}`, '--net', '--mount', '--', ...argv];
  const onHost: Run = ({ file, args, ...rest }, signal) =>
    run({ ...rest, file: 'nsenter', args: inside(file, ...args) }, signal);
  const ip = (...args: string[]): Promise<string> => onHost({ file: 'ip', args, timeoutMs: 30_000 }, NEVER);
  const started: Talk[] = [];

  const peerOf = (args: readonly string[]): string[] => [process.execPath, PEER, ...args];
  const startIn = async (namespace: string, argv: readonly string[]): Promise<Talk> => {
    const args = inside('ip', 'netns', 'exec', namespace, ...argv);
    const talk = talkTo(spawn('nsenter', args, { stdio: ['pipe', 'pipe', 'inherit'] }));
    started.push(talk);
    return talk;
  };
  const start = (namespace: string, ...args: string[]): Promise<Talk> => startIn(namespace, peerOf(args));

  async function machine(
    name: string,
    { bridge, mac, addresses = [], gateways = [] }: Parameters<Scene['machine']>[1],
  ): Promise<Machine> {
    const link = portLinkOf(mac);
    await ip('netns', 'add', name);
    await ip(
      'link',
      'add',
      'name',
      link,
      'master',
      bridge,
      'type',
      'veth',
      'peer',
      'name',
      'eth0',
      'netns',
      name,
      'address',
      mac,
    );
    await ip('link', 'set', link, 'up');
    await ip('-n', name, 'link', 'set', 'lo', 'up');
    await ip('-n', name, 'link', 'set', 'eth0', 'up');
    for (const address of addresses)
      await ip('-n', name, 'addr', 'add', address, 'dev', 'eth0', ...(address.includes(':') ? ['nodad'] : []));
    for (const gateway of gateways) await ip('-n', name, 'route', 'add', 'default', 'via', gateway);
    const ask = (args: string[], env: Record<string, string> = {}): Promise<string> =>
      onHost({ file: 'ip', args: ['netns', 'exec', name, ...peerOf(args)], env, timeoutMs: 20_000 }, NEVER);
    const runHere = (...argv: string[]): Promise<string> => ip('netns', 'exec', name, ...argv);
    return {
      name,
      run: runHere,
      dhcp: async (times = 15) => {
        try {
          const said = await runHere(
            'busybox',
            'udhcpc',
            '-i',
            'eth0',
            '-n',
            '-q',
            '-f',
            '-t',
            `${times}`,
            '-T',
            '1',
            '-O',
            'mtu',
            '-s',
            script,
          );
          return JSON.parse(said.slice(said.indexOf('{'))) as Offer;
        } catch (error) {
          if (/no lease/.test(String(error))) return undefined;
          throw error;
        }
      },
      ask: async (...args) => JSON.parse(await ask(args)),
      reaches: async (address, port = 80) =>
        JSON.parse(await ask(['get', address, `${port}`], { WAIT_MS_MAX: '1000' })).by !== undefined,
      start: (...args) => start(name, ...args),
      startProgram: (...argv) => startIn(name, argv),
    };
  }

  return {
    run: onHost,
    folder,
    ip,
    start,
    machine,
    close: async () => {
      for (const each of started) await each.end();
      holder.kill('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function talkTo(child: ChildProcess): Talk {
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const closed = once(child, 'close');
  return {
    child,
    next: async () => JSON.parse((await lines.next()).value ?? '{"ended":true}'),
    say: (line) => void child.stdin!.write(`${line}\n`),
    end: async () => {
      child.kill('SIGKILL');
      await closed;
    },
  };
}
