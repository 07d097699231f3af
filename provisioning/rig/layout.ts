import { join } from 'node:path';

/**
 * Where the rig keeps what. Everything is under one folder, and nothing that runs is: sockets, mounts and links belong to
 * the namespaces of the rig's machines.
 */
export const layoutOf = (dir: string) => ({
  dir,
  /** What a program needs to connect (mode 0600). */
  rig: join(dir, 'rig.json'),
  /** Which process has the rig up, and what became of its parts. */
  state: join(dir, 'rig-state.json'),
  log: join(dir, 'rig.log'),
  /** The verdict on KVM, and what it depends on. */
  kvm: join(dir, 'kvm.json'),
  ports: join(dir, 'ports.json'),
  guest: join(dir, 'guest'),
  server: join(dir, 'server'),
  central: join(dir, 'central'),
  people: join(dir, 'people'),
  host: (name: string) => join(dir, 'hosts', name),
});

export type Layout = ReturnType<typeof layoutOf>;
