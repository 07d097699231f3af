import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';

export interface Profanity {
  /** Type a line and press Enter. */
  type(line: string): Promise<void>;
  /** Wait until the screen shows this; answers the whole screen. */
  shows(pattern: RegExp): Promise<string>;
  close(): Promise<void>;
}

/** Profanity (Debian) in tmux, logged in with an account of the rig, with folders of its own. */
export async function profanity(
  account: { jid: string; password: string },
  xmpp: { host: string; port: number },
  ca: string,
): Promise<Profanity> {
  const folder = await mkdtemp(path.join(tmpdir(), 'profanity-'));
  const socket = path.join(folder, 'tmux');
  await writeFolders(folder, account, xmpp, ca);
  const environment = {
    HOME: folder,
    XDG_CONFIG_HOME: `${folder}/config`,
    XDG_DATA_HOME: `${folder}/data`,
    LC_ALL: 'C.UTF-8',
    TERM: 'screen',
  };
  const tmux = (args: string[]) => execa('tmux', ['-S', socket, ...args], { env: environment, timeout: 20_000 });
  await tmux(['-f', '/dev/null', 'new-session', '-d', '-x', '160', '-y', '60', 'profanity', '-a', 'rig']);
  const screen = async (): Promise<string> => (await tmux(['capture-pane', '-p', '-S', '-200'])).stdout;
  return {
    type: async (line) => {
      await tmux(['send-keys', '-l', line]);
      await tmux(['send-keys', 'Enter']);
    },
    shows: (pattern) => waitForScreen(screen, pattern),
    close: async () => {
      await tmux(['kill-server']).catch(() => undefined);
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

async function waitForScreen(screen: () => Promise<string>, pattern: RegExp): Promise<string> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const text = await screen();
    if (pattern.test(text)) return text;
    if (Date.now() > deadline) throw new Error(`The screen never showed ${pattern}. It shows:\n${text}`);
    // tmux tells nobody when a screen changes: looking again is the only way.
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function writeFolders(
  folder: string,
  account: { jid: string; password: string },
  xmpp: { host: string; port: number },
  ca: string,
): Promise<void> {
  for (const name of ['config/profanity', 'data/profanity', 'certs'])
    await mkdir(path.join(folder, name), { recursive: true });
  await copyFile(ca, path.join(folder, 'certs/ca.pem'));
  await execa('openssl', ['rehash', path.join(folder, 'certs')]);
  await writeFile(
    path.join(folder, 'config/profanity/profrc'),
    `[connection]\ntls.certpath=${folder}/certs\n\n[ui]\nsplash=false\n\n[logging]\nchlog=false\n`,
  );
  await writeFile(
    path.join(folder, 'data/profanity/accounts'),
    `[rig]\nenabled=true\njid=${account.jid}\nresource=profanity\nserver=${xmpp.host}\nport=${xmpp.port}\ntls.policy=force\npassword=${account.password}\n`,
    { mode: 0o600 },
  );
}
