import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Call, ERR, Exit, inGlobal, OK, options, type Program, USAGE } from './call.ts';
import { GLOBAL, type HostState, type Zone, zoneNamed } from './state.ts';
import { blankConfig, copyOf, TEMPLATES, type ZoneConfig } from './zone-config.ts';
import { Complaint, Editor, type Session } from './zonecfg-editor.ts';
import { exportLines, infoLines, oneResource } from './zonecfg-text.ts';
import { verified } from './zonecfg-verify.ts';
import { type Subcommand, SyntaxProblem, subcommands } from './zonecfg-words.ts';

/**
 * zonecfg(8): the configuration of a zone.
 *
 * Theory of operation: subcommands change a copy, and `commit`, or the end of the session, keeps it where it is complete. From
 * a file the first error ends the session, and what had been said before is kept all the same; on the command line and from
 * standard input the session goes on. The exit code tells of any error.
 */
export const zonecfg: Program = (call) => {
  // It does not put its name before what it says.
  if (!inGlobal(call)) return says(call, 'zonecfg can only be run from the global zone.');
  if (call.args[0] === 'help') return OK;
  const asked = options(call.args, 'f:R:z:u:');
  const name = nameAsked(call, asked.flags);
  if (asked.bad !== undefined || name === undefined) {
    call.err('usage:\tzonecfg help\n\tzonecfg -z <zone>\t\t\t(interactive)\n\tzonecfg -z <zone> <command>');
    return USAGE;
  }
  if (!/^[A-Za-z0-9][\w.-]{0,62}$/.test(name) || name.startsWith('SUNW')) {
    call.err(`${name}: Bogus zone name`);
    return USAGE;
  }
  const file = asked.flags.get('f');
  if (asked.rest.length > 0) return session(call, name, asked.rest.join(' '), { file: undefined });
  if (file === undefined || file === '-') return session(call, name, call.input, { file: undefined });
  // A file of the host, or one that only this machine has.
  const place = [call.host.path(file), file].find((one) => existsSync(one));
  if (place === undefined) return says(call, `could not open file ${file}: No such file or directory`);
  return session(call, name, readFileSync(place, 'utf8'), { file });
};

function says(call: Call, message: string): number {
  call.err(message);
  return ERR;
}

const nameAsked = (call: Call, flags: Map<string, string>): string | undefined => {
  const uuid = flags.get('u');
  const byUuid = uuid && call.host.read((state) => state.zones.find((zone) => zone.uuid === uuid)?.name);
  return byUuid || flags.get('z');
};

function session(call: Call, name: string, text: string, { file }: { file: string | undefined }): number {
  return call.host.change((state) => {
    const zone = name === GLOBAL ? undefined : zoneNamed(state, name);
    const session: Session = {
      name,
      config: zone && copyOf(zone.config),
      isChanged: false,
      sawError: false,
      isOver: false,
      complain: (message, line) => {
        if (file !== undefined && line !== undefined) call.err(`On line ${line} of ${file}:`);
        call.err(message);
        session.sawError = true;
      },
    };
    const editor = new Editor(session, state);
    try {
      for (const each of subcommands(text)) {
        attempt(session, each, () => {
          const act = Object.hasOwn(ACTS, each.name) ? ACTS[each.name] : undefined;
          if (act) act({ call, state, session, editor }, each);
          else editor.edit(each);
        });
        if (session.isOver || (session.sawError && file !== undefined)) break;
      }
    } catch (error) {
      if (error instanceof Exit) return says(call, error.message);
      if (!(error instanceof SyntaxProblem)) throw error;
      session.complain(file === undefined ? 'syntax error' : `syntax error on line ${error.line} of ${file}`);
    }
    if (editor.isOpen) return says(call, 'Resource incomplete.');
    if (session.isChanged && session.config) {
      commit(state, session, editor);
      if (session.isChanged) call.err('Configuration not saved.');
    }
    return session.sawError || session.isChanged ? ERR : OK;
  });
}

function attempt(session: Session, { line }: Subcommand, work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof Complaint)) throw error;
    session.complain(error.message, line);
  }
}

/** One session at work, and what it works on. */
interface Work {
  call: Call;
  state: HostState;
  session: Session;
  editor: Editor;
}

/** What is done in no scope; all else is edited. */
const ACTS: Record<string, (work: Work, asked: Subcommand) => void> = {
  create,
  delete: remove,
  commit: ({ state, session, editor }) => commit(state, session, editor),
  verify: ({ session, editor }, { line }) => {
    report(session, editor, line);
  },
  exit: ({ session }) => {
    session.isOver = true;
  },
  revert: ({ state, session }, { words }) => {
    if (!words.includes('-F')) throw notForced('revert');
    const saved = zoneNamed(state, session.name);
    session.config = saved && copyOf(saved.config);
    session.isChanged = false;
  },
  info: show,
  export: show,
  help: () => {},
};

const notForced = (what: string): Exit =>
  new Exit(`Input not from terminal and -F not specified:\n${what} command ignored, exiting.`);

function create({ call, state, session }: Work, asked: Subcommand): void {
  const flags = options(asked.words, 'a:bFt:X').flags;
  const there = zoneNamed(state, session.name);
  if (there && there.state === 'installed') {
    throw new Complaint(`Zone ${session.name} already installed; create not allowed.`);
  }
  if (there && !flags.has('F')) {
    throw new Exit('Zone exists, input not from terminal and -F not specified:\ncreate command ignored, exiting.');
  }
  if (there) call.out(`Zone ${session.name} already exists; overwriting.`);
  const template = flags.has('b') ? 'SUNWblank' : (flags.get('t') ?? 'SUNWdefault');
  const config = templateConfig(state, template);
  if (!config) throw new Complaint(`${template}: No such zone configured`);
  const path = flags.get('a');
  session.config = path === undefined ? config : { ...config, zonepath: path };
  session.isChanged = true;
}

function templateConfig(state: HostState, name: string): ZoneConfig | undefined {
  const zone = zoneNamed(state, name);
  if (zone) return copyOf(zone.config);
  return Object.hasOwn(TEMPLATES, name) ? blankConfig(TEMPLATES[name]) : undefined;
}

/** At once, with no commit. What is under the zonepath stays. */
function remove({ state, session }: Work, asked: Subcommand): void {
  const force = asked.words.includes('-F');
  if (!force) throw notForced('delete');
  const zone = zoneNamed(state, session.name);
  if (!zone) throw new Complaint(`${session.name}: No such zone configured`);
  if (zone.kernel) {
    throw new Complaint(`${session.name}: Zone state is invalid for the requested operation`);
  }
  state.zones = state.zones.filter((each) => each !== zone);
  rmSync(fileOf(state, zone.name), { force: true });
  delete state.stacks[zone.name];
  delete state.services[zone.name];
  session.config = undefined;
  session.isChanged = false;
}

function report(session: Session, editor: Editor, line?: number): boolean {
  const problems = verified(editor.config);
  if (editor.isOpen) problems.push('resource specification incomplete');
  for (const problem of problems) session.complain(problem, line);
  return problems.length === 0;
}

function commit(state: HostState, session: Session, editor: Editor): void {
  if (!report(session, editor)) {
    session.complain(`Zone ${session.name} failed to verify`);
    session.complain(`${session.name}: ${editor.isOpen ? 'Insufficient specification' : 'Invalid argument'}`);
    return;
  }
  if (session.renamedFrom !== undefined && !rename(state, session)) return;
  const zone = zoneNamed(state, session.name);
  if (zone) zone.config = copyOf(editor.config);
  else state.zones.push(newZone(state, session.name, editor.config));
  keepFile(state, session);
  session.isChanged = false;
}

function rename(state: HostState, session: Session): boolean {
  const zone = zoneNamed(state, session.renamedFrom!);
  session.renamedFrom = undefined;
  if (!zone) return true;
  if (zone.kernel) {
    session.complain(`${zone.name}: Zone state is invalid for the requested operation`);
    return false;
  }
  rmSync(fileOf(state, zone.name), { force: true });
  zone.name = session.name;
  return true;
}

/** Anew at each change, in the place of the one before. Source: libzonecfg.c, zonecfg_save_impl */
function keepFile(state: HostState, { name, config }: Session): void {
  const file = fileOf(state, name);
  writeFileSync(`${file}.new`, `<zone name="${name}" zonepath="${config?.zonepath}"/>\n`);
  renameSync(`${file}.new`, file);
}

const fileOf = (state: HostState, name: string): string => join(state.settings.configFolder, `${name}.xml`);

const newZone = (state: HostState, name: string, config: ZoneConfig): Zone => ({
  name,
  did: state.next.did++,
  state: 'configured',
  config: copyOf(config),
  packages: [],
});

function show({ call, session, editor }: Work, asked: Subcommand): void {
  if (editor.open) {
    for (const line of oneResource(editor.open)) call.out(line);
    return;
  }
  const zone = { name: session.name, config: editor.config };
  if (asked.name === 'info') {
    const where = asked.pairs.map(([name, value]): [string, string] => [name, String(value)]);
    for (const line of infoLines(zone, asked.words[0], where)) call.out(line);
    return;
  }
  const lines = exportLines(zone);
  const file = options(asked.words, 'f:').flags.get('f');
  if (file === undefined) for (const line of lines) call.out(line);
  else writeFileSync(call.host.path(file), `${lines.join('\n')}\n`);
}
