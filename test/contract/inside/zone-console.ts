import { openHost } from '#test/illumos/host.ts';

/** `zone-console.ts FOLDER zlogin -C -d -E -Q ZONE`, as the driver calls what gives zlogin a terminal. */
const [folder = '', ...argv] = process.argv.slice(2);
const zone = argv.at(-1);
if (argv.slice(0, -1).join(' ') !== 'zlogin -C -d -E -Q') throw new Error(`called as ${argv.join(' ')}`);
const LOOK_MS = 30;

process.stdout.write('\r\nconsole login: ');
let typed = '';
process.stdin.on('data', (chunk: Buffer) => {
  typed += chunk.toString();
  const [user, ...rest] = typed.split('\r');
  if (rest.length === 0) return;
  typed = rest.join('\r');
  process.stdout.write(`${user}\r\nno such user: ${user}\r\nconsole login: `);
});
setInterval(() => {
  const isOn = openHost(folder).read((state) => state.zones.some(({ name, kernel }) => name === zone && kernel));
  if (!isOn) process.exit(0);
}, LOOK_MS);
