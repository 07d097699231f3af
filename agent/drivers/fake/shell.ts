/** What a command of the tiny shell may look at and do. */
export interface ShellPlace {
  name: string;
  vcpus: number;
  memoryMiB: number;
  upS(): number;
  now(): Date;
  poweroff(): void;
  reboot(): void;
  crash(): void;
}

/** What a command writes on its two ways out, and the exit code that it ends with: 0 unless it says another. */
export interface Ran {
  out: string;
  error?: string;
  exitCode?: number;
}
type Command = (words: readonly string[], place: ShellPlace) => string | Ran;

const LINES_MAX = 100_000;

const COMMANDS: Readonly<Record<string, Command>> = {
  help: () => `${Object.keys(COMMANDS).join(' ')}\n`,
  echo: (words) => `${words.join(' ')}\n`,
  true: () => '',
  false: () => ({ out: '', exitCode: 1 }),
  ls: ([file = '']) => ({ out: '', error: `ls: ${file}: No such file or directory\n`, exitCode: 1 }),
  uname: (words, { name }) => (words.includes('-a') ? `Fake ${name} 1.0 #1 fake86\n` : 'Fake\n'),
  hostname: (_, { name }) => `${name}\n`,
  nproc: (_, { vcpus }) => `${vcpus}\n`,
  free: (_, { memoryMiB }) => `Mem: ${memoryMiB} MiB\n`,
  uptime: (_, { upS }) => `up ${Math.floor(upS())} s\n`,
  date: (_, { now }) => `${now().toISOString()}\n`,
  seq: (words) => {
    const last = Math.min(LINES_MAX, Math.max(0, Math.floor(Number(words[0]) || 0)));
    return Array.from({ length: last }, (_, index) => `${index + 1}\n`).join('');
  },
  poweroff: (_, place) => {
    place.poweroff();
    return 'The system is going down.\n';
  },
  reboot: (_, place) => {
    place.reboot();
    return '';
  },
  crash: (_, place) => {
    place.crash();
    return '';
  },
};

/** Run one line, and say what it prints. */
export function runLine(line: string, place: ShellPlace): string {
  const words = line.trim().split(/\s+/);
  if (words[0] === '') return '';
  const { out, error = '' } = runWords(words, place) ?? { out: `${words[0]}: not found\n` };
  return out + error;
}

/** Run a command by its words; undefined: there is no such command. */
export function runWords([word = '', ...words]: readonly string[], place: ShellPlace): Ran | undefined {
  const command = Object.hasOwn(COMMANDS, word) ? COMMANDS[word] : undefined;
  const ran = command?.(words, place);
  return typeof ran === 'string' ? { out: ran } : ran;
}
