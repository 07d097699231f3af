import { execa } from 'execa';
import type { Machine } from '#provisioning/rig/machine.ts';

/** Vagrant's machines, as whoever typed `vagrant up` has them. */
export interface Machines {
  vagrant(...args: string[]): Promise<void>;
  /** What a command of root's on one of them writes. @throws ExecaError where it fails */
  on(name: string, command: string): Promise<string>;
}

/**
 * @param within where libvirt is
 * @param clone the folder of the Vagrantfile
 * @param env Vagrant's and the Vagrantfile's
 */
export function vagrantMachines(within: Machine, clone: string, env: Readonly<Record<string, string>>): Machines {
  // nsenter(1) goes to the namespaces' own root, so Vagrant is told where its file is.
  const options = { cwd: clone, env: { ...env, VAGRANT_CWD: clone }, stdin: 'ignore' as const };
  return {
    async vagrant(...args) {
      const [file, ...argv] = within.enter(['vagrant', ...args, '--no-tty', '--no-color']);
      await execa(file, argv, { ...options, stdout: 'inherit', stderr: 'inherit' });
    },
    async on(name, command) {
      const [file, ...argv] = within.enter(['vagrant', 'ssh', name, '-c', `sudo sh -c '${command}'`]);
      const { stdout } = await execa(file, argv, { ...options, stderr: 'inherit' });
      return stdout.replaceAll('\r', '');
    },
  };
}
