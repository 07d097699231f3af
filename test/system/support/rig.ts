import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { takeDown } from '#provisioning/rig/down.ts';
import { layoutOf } from '#provisioning/rig/layout.ts';
import { setLink } from '#provisioning/rig/links.ts';
import { areGone, childrenOf, type ProcessId, processId, signal } from '#provisioning/rig/processes.ts';
import { type RigFile, readRigFile } from '#provisioning/rig/rig-file.ts';
import { readState } from '#provisioning/rig/state.ts';
import { until as found } from './until.ts';

export const MAIN = fileURLToPath(new URL('../../../cli/main.ts', import.meta.url));
/** The first time, the packages of its guest are fetched. */
export const UP_TIMEOUT_MS = 360_000;
/** It may wait for a chain of guests that are emulated. */
const SKERRY_MS = 200_000;
/** What takes seconds takes several times as long on a busy machine. */
const WAIT_MS = 60_000;

/** A real rig for system tests: one for all of them in a run of mocha, brought up when the first asks for it. */
export interface TestRig extends RigFile {
  dir: string;
  /** rig.json. */
  file: string;
  account(role: string): RigFile['accounts'][number];
  bareJid(host: string): string;
  /** Where a host's agent answers. */
  agentJid(host: string): string;
  /** A host's libvirtd, as libvirt's clients on this machine name it. */
  uri(host: string): string;
  /** `virsh` on a host's libvirtd, beside Skerry. */
  virsh(host: string, args: readonly string[]): Promise<string>;
  /** Power a guest off if it is not off. */
  ensureOff(host: string, guest: string): Promise<void>;
  /** Start a guest if it does not run, and wait until it has said on its console that it is up. */
  ensureRunning(host: string, guest: string): Promise<void>;
  /** What a guest has said on its serial console since it was first defined. */
  consoleLog(host: string, guest: string): Promise<string>;
  /** The process that runs under a name of rig-state.json: `server`, `ejabberd`, `host1`, `host1 agent`. */
  part(name: string): ProcessId;
  hostPid(host: string): number;
  /** kill -9, and resolve when it is gone; the rig starts it again. */
  killAgent(host: string): Promise<void>;
  /** Let an agent stand still. Returns what lets it go on. */
  holdAgent(host: string): () => void;
  /** The same for any part: `ejabberd`, `central`. */
  hold(part: string): () => void;
  /** Cut a host's power: all that runs in it is gone at once. The rig starts it again, with all guests off. */
  cutPower(host: string): Promise<void>;
  killEjabberd(): Promise<void>;
  killCentral(): Promise<void>;
  /** Define a guest from XML, beside Skerry. */
  define(host: string, definition: string): Promise<void>;
  /** kill -9 of libvirtd, and resolve when the next one answers. */
  restartLibvirtd(host: string): Promise<void>;
  /** kill -9 of libvirtd, and keep it away until what this resolves with is called. */
  holdLibvirtd(host: string): Promise<() => Promise<void>>;
  /** kill -9 of a guest's QEMU. */
  killGuest(host: string, guest: string): Promise<void>;
  /** Pull the cable between a host and the server, and put it in again. */
  cutLink(host: string): Promise<void>;
  mendLink(host: string): Promise<void>;
  /** Run `./skerry ARGS` on this rig; never throws. */
  skerry(args: readonly string[]): Promise<{ exitCode: number; stdout: string; stderr: string }>;
  /** Run `./skerry ARGS` on this rig, and have it go well. @returns what it printed */
  does(...args: string[]): Promise<string>;
}

let shared: Promise<TestRig> | undefined;
const ends: (() => Promise<void>)[] = [];

/** The shared rig. */
export function testRig(): Promise<TestRig> {
  shared ??= startRig().then(({ rig, stop }) => {
    ends.push(stop);
    return rig;
  });
  return shared;
}

// At the top level this belongs to mocha's root suite: after the last test of the run. Benches have no mocha.
globalThis.after?.('take the shared rig down', async function () {
  this.timeout(120_000);
  for (const end of ends) await end();
});

/** A rig of one's own, in a folder of its own; it dies with this process, however that ends. */
export async function startRig(args: readonly string[] = []): Promise<{ rig: TestRig; stop: () => Promise<void> }> {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'skerry-rig-')));
  const argv = ['--pdeathsig', 'TERM', process.execPath, MAIN, 'up', '--idle', '--dir', dir, ...args];
  const child = spawn('setpriv', argv, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const closed = once(child, 'close');
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  }
  const stop = async () => {
    await takeDown(dir);
    await closed;
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    await until(
      'the rig is up',
      async () => {
        if (child.exitCode !== null) {
          // What it said last may still be in the pipe.
          await closed;
          throw new Error(`the rig did not come up:\n${said}`);
        }
        return readState(layoutOf(dir).state)?.phase === 'up';
      },
      UP_TIMEOUT_MS,
    );
    return { rig: await rigOf(dir), stop };
  } catch (error) {
    child.kill('SIGKILL');
    await stop();
    throw error;
  }
}

/** Wait for something that tells nobody when it comes about. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, timeoutMs = WAIT_MS): Promise<void> {
  await found(what, async () => (await holds()) || undefined, timeoutMs);
}

async function rigOf(dir: string): Promise<TestRig> {
  const layout = layoutOf(dir);
  const rig = await readRigFile(layout.rig);
  const part = (name: string): ProcessId => {
    const found = readState(layout.state)?.parts[name]?.process;
    if (found === undefined) throw new Error(`the rig has no part ${name}`);
    return found;
  };
  const uri = (host: string): string =>
    `qemu+unix:///system?socket=/proc/${part(host).pid}/root/run/libvirt/libvirt-sock`;
  const virsh = async (host: string, args: readonly string[]): Promise<string> => {
    const { stdout } = await execa('virsh', ['-q', '-c', uri(host), ...args], {
      env: { LC_ALL: 'C' },
      timeout: WAIT_MS,
    });
    return stdout;
  };
  const state = async (host: string, guest: string) => (await virsh(host, ['domstate', guest])).trim();
  const consoleLog = (host: string, guest: string) =>
    readFile(join(layout.host(host), 'consoles', `${guest}.log`), 'utf8').catch(() => '');
  const host = (name: string) => {
    const found = rig.hosts.find((each) => each.name === name);
    if (found === undefined) throw new Error(`the rig has no host ${name}`);
    return found;
  };
  const kill = async (target: ProcessId) => {
    signal(target, 'SIGKILL');
    if (!(await areGone([target], WAIT_MS))) throw new Error(`process ${target.pid} did not die`);
  };
  const hold = (name: string) => {
    const { pid } = part(name);
    const door = Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
    process.kill(pid, 'SIGSTOP');
    return () => {
      process.kill(pid, 'SIGCONT');
      // nsenter stands still with the program that it has let in, and could not reap it.
      process.kill(door, 'SIGCONT');
    };
  };
  const answers = (name: string) =>
    until('libvirtd answers again', () =>
      virsh(name, ['version']).then(
        () => true,
        () => false,
      ),
    );
  const skerry = async (args: readonly string[]): Promise<{ exitCode: number; stdout: string; stderr: string }> => {
    // Behind `--` are words of a program of a guest's.
    const at = args.includes('--') ? args.indexOf('--') : args.length;
    const words = args.toSpliced(at, 0, '--dir', dir);
    const ran = await execa(process.execPath, [MAIN, ...words], { reject: false, timeout: SKERRY_MS });
    return { exitCode: ran.exitCode ?? -1, stdout: ran.stdout, stderr: ran.stderr };
  };
  return {
    ...rig,
    dir,
    file: layout.rig,
    part,
    uri,
    virsh,
    consoleLog,
    hostPid: (name) => part(name).pid,
    account(role) {
      const found = rig.accounts.find((each) => each.role === role);
      if (found === undefined) throw new Error(`the rig has no account for ${role}`);
      return found;
    },
    bareJid: (name) => host(name).jid,
    agentJid: (name) => `${host(name).jid}/agent`,
    async ensureOff(name, guest) {
      const isOff = async () => (await state(name, guest)) === 'shut off';
      if (await isOff()) return;
      await virsh(name, ['destroy', guest]).catch(async (error) => {
        // It may have gone off by itself meanwhile.
        if (!(await isOff())) throw error;
      });
    },
    async ensureRunning(name, guest) {
      if ((await state(name, guest)) === 'running') return;
      const before = (await consoleLog(name, guest)).length;
      await virsh(name, ['start', guest]);
      await until(`${guest} is up`, async () =>
        (await consoleLog(name, guest)).slice(before).includes(`${guest} is up`),
      );
    },
    killAgent: (name) => kill(part(`${name} agent`)),
    holdAgent: (name) => hold(`${name} agent`),
    hold,
    killEjabberd: () => kill(part('ejabberd')),
    killCentral: () => kill(part('central')),
    cutPower: (name) => kill(part(name)),
    async define(name, definition) {
      const file = join(dir, 'definition.xml');
      await writeFile(file, definition);
      await virsh(name, ['define', file]);
    },
    async restartLibvirtd(name) {
      await kill(libvirtdOf(part(name).pid).libvirtd);
      await answers(name);
    },
    async holdLibvirtd(name) {
      const { starter, libvirtd } = libvirtdOf(part(name).pid);
      process.kill(starter, 'SIGSTOP');
      try {
        // Before it stands still it might start another one.
        await until('its starter stands still', () => stateOf(starter) === 'T');
        // Its starter cannot reap it meanwhile: that it is dead is seen by nobody answering.
        signal(libvirtd, 'SIGKILL');
        await until('libvirtd is gone', () => stateOf(libvirtd.pid) === 'Z');
      } catch (error) {
        process.kill(starter, 'SIGCONT');
        throw error;
      }
      return async () => {
        process.kill(starter, 'SIGCONT');
        await answers(name);
      };
    },
    async killGuest(name, guest) {
      const root = `/proc/${part(name).pid}/root`;
      const pid = (await readFile(`${root}/run/libvirt/qemu/${guest}.pid`, 'utf8')).trim();
      await execa('nsenter', ['-t', `${part(name).pid}`, '-a', '--', 'kill', '-9', pid]);
    },
    cutLink: (name) => setLink({ init: part('server') }, name, false),
    mendLink: (name) => setLink({ init: part('server') }, name, true),
    skerry,
    async does(...args) {
      const { exitCode, stdout, stderr } = await skerry(args);
      assert.equal(exitCode, 0, `${args.join(' ')}: ${stderr}`);
      return stdout;
    },
  };
}

/** A host's first process has one child of its own, which starts libvirtd again and again. */
function libvirtdOf(init: number): { starter: number; libvirtd: ProcessId } {
  for (const starter of childrenOf(init)) {
    const found = childrenOf(starter).find((pid) => nameOf(pid) === 'libvirtd');
    const libvirtd = found === undefined ? undefined : processId(found);
    if (libvirtd) return { starter, libvirtd };
  }
  throw new Error('no libvirtd runs there');
}

/** Empty where it has gone. */
function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return '';
  }
}

/** A letter of proc(5): T stands still, Z is dead and not reaped. */
const stateOf = (pid: number): string | undefined =>
  /^\d+ \(.*\) (\w)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1];
