import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Call, ERR, Exit, OK, options, type Program, USAGE } from './call.ts';
import { askToStop } from './settling.ts';
import { wordOf, zoneNamed } from './state.ts';
import { serveConsole } from './zone-console.ts';

/**
 * zlogin(1): run a command inside a running zone; its exit code is that of the command.
 *
 * What words there are is joined by blanks, and read by a shell in the zone. A program that the model does not have is one of
 * this machine's own, where zlogin is a process itself.
 */
export const zlogin =
  (inside: (name: string) => Program | undefined): Program =>
  async (call) => {
    const asked = options(call.args, 'CQESde:l:in');
    const [zone, ...words] = asked.rest;
    if (asked.bad !== undefined || zone === undefined) {
      call.err('usage: zlogin [ -nQCES ] [ -e cmdchar ] [-l user] zonename [command [args ...] ]');
      return USAGE;
    }
    call.host.read((state) => {
      const there = zoneNamed(state, zone);
      if (!there) throw new Exit(`zone '${zone}' unknown`);
      if (there.kernel?.state !== 'running') {
        throw new Exit(`login allowed only to running zones (${zone} is '${wordOf(there)}').`);
      }
    });
    if (asked.flags.has('C') && call.isProcess) return serveConsole(call, zone);
    const line = words.join(' ');
    const [name = '', ...args] = shellWords(line);
    const base = name.split('/').at(-1) ?? name;
    const program = INSIDE[base] ?? inside(base);
    if (program) return program({ ...call, zone, name: base, args });
    if (call.isProcess) return ofThisMachine(line, call.signal);
    call.err(`${name}: not found`);
    return 127;
  };

/** The words of a line as a POSIX shell parts it: blanks, quotes, backslashes. */
export function shellWords(line: string): string[] {
  const found = line.matchAll(/(?:[^\s'"\\]|\\.|'[^']*'|"(?:[^"\\]|\\.)*")+/g);
  return Array.from(found, ([word]) =>
    word.replace(/\\(.)|'([^']*)'|"((?:[^"\\]|\\.)*)"/g, (_, escaped?: string, single?: string, double?: string) =>
      escaped !== undefined ? escaped : (single ?? (double ?? '').replace(/\\(["\\$`])/g, '$1')),
    ),
  );
}

/** zlogin passes signals on, and ends with what it has started. */
function ofThisMachine(line: string, signal: AbortSignal): Promise<number> {
  const child = spawn('/bin/sh', ['-c', line], { stdio: 'inherit', detached: true });
  const end = () => process.kill(-child.pid!, 'SIGTERM');
  if (signal.aborted) end();
  else signal.addEventListener('abort', end, { once: true });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => {
      signal.removeEventListener('abort', end);
      resolve(code ?? 143);
    });
  });
}

/** What ends the zone from within: at once for the caller, later for the zone. */
const stops =
  (reboots: (args: readonly string[]) => boolean): Program =>
  (call) =>
    call.host.change((state) => {
      askToStop(state, zoneNamed(state, call.zone)!, Date.now(), reboots(call.args));
      return OK;
    });

const cat: Program = (call: Call) => {
  for (const file of call.args) {
    const root = call.host.read((state) => join(zoneNamed(state, call.zone)!.config.zonepath, 'root'));
    const place = call.host.path(join(root, file));
    if (!existsSync(place)) {
      call.err(`cat: cannot open ${file}: No such file or directory`);
      return ERR;
    }
    call.out(readFileSync(place, 'utf8').replace(/\n$/, ''));
  }
  return OK;
};

const INSIDE: Record<string, Program> = {
  cat,
  init: stops((args) => args[0] === '6'),
  shutdown: stops((args) => args.join(' ').includes('-i 6') || args.join(' ').includes('-i6')),
  poweroff: stops(() => false),
  halt: stops(() => false),
  reboot: stops(() => true),
  true: () => OK,
  false: () => ERR,
  echo: (call) => {
    call.out(call.args.join(' '));
    return OK;
  },
  zonename: (call) => {
    call.out(call.zone);
    return OK;
  },
};
