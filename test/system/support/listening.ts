import { readdir, readFile, readlink } from 'node:fs/promises';

/** What a process and those that it started listen on, as the kernel tells it: `127.0.0.1:5222`, `[::]:25`, `/run/x.sock`, `udp …`. */
export async function listening(pid: number): Promise<string[]> {
  const inodes = new Set<string>();
  for (const each of await family(pid)) {
    for (const fd of await readdir(`/proc/${each}/fd`).catch(() => [])) {
      const target = await readlink(`/proc/${each}/fd/${fd}`).catch(() => '');
      const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
      if (inode !== undefined) inodes.add(inode);
    }
  }
  const rows = async (name: string): Promise<string[][]> =>
    (await readFile(`/proc/${pid}/net/${name}`, 'utf8'))
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/));
  const internet = async (name: string): Promise<string[]> => {
    const own = (await rows(name)).filter((row) => inodes.has(row[9] ?? ''));
    // State 0A is LISTEN; a UDP socket that is bound takes what comes.
    if (name.startsWith('tcp')) return own.filter((row) => row[3] === '0A').map((row) => addressOf(row[1] ?? ''));
    return own.map((row) => `udp ${addressOf(row[1] ?? '')}`);
  };
  const unix = (await rows('unix'))
    // The flag is of listen().
    .filter((row) => inodes.has(row[6] ?? '') && row[3] === '00010000')
    .map((row) => row[7] ?? '');
  const found = await Promise.all(['tcp', 'tcp6', 'udp', 'udp6'].map(internet));
  return [...found.flat(), ...unix].sort();
}

async function family(pid: number): Promise<number[]> {
  // Of those that it started, one may have ended by now.
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  const children = text.trim().split(' ').filter(Boolean);
  return [pid, ...(await Promise.all(children.map((child) => family(Number(child))))).flat()];
}

/** The kernel writes an address in words of its own byte order; IPv6 is left as it is, since none is expected. */
function addressOf(text: string): string {
  const [address = '', port = ''] = text.split(':');
  const bytes = Buffer.from(address, 'hex');
  return `${bytes.length === 4 ? [...bytes].reverse().join('.') : `[${address}]`}:${Number.parseInt(port, 16)}`;
}
