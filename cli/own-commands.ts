/** A command that is no verb: its words, and how it is called. */
interface Own {
  run(argv: string[]): Promise<number>;
  usage(): Promise<string>;
}

/** Each is loaded when it is asked for: a verb needs nothing of the rig, help nothing of XMPP, and shall not wait for it. */
const OWN: Readonly<Record<string, Own>> = {
  up: {
    run: async (argv) => (await import('./rig-up.ts')).up(argv),
    usage: async () => (await import('./rig-up.ts')).UP_USAGE,
  },
  down: {
    run: async (argv) => (await import('./rig-down.ts')).down(argv),
    usage: async () => (await import('./rig-down.ts')).DOWN_USAGE,
  },
  status: {
    run: async (argv) => (await import('./rig-status.ts')).status(argv),
    usage: async () => (await import('./rig-status.ts')).STATUS_USAGE,
  },
  'agent-join': {
    run: async (argv) => (await import('./agent-join.ts')).agentJoin(argv),
    usage: async () => (await import('./agent-join.ts')).JOIN_USAGE,
  },
  install: {
    run: async (argv) => (await import('#provisioning/roles/install.ts')).install(argv),
    usage: async () => (await import('#provisioning/roles/install.ts')).INSTALL_USAGE,
  },
  doctor: {
    run: async (argv) => (await import('./doctor-command.ts')).doctor(argv),
    usage: async () => (await import('./doctor-command.ts')).DOCTOR_USAGE,
  },
  restore: {
    run: async (argv) => (await import('./restore.ts')).restore(argv),
    usage: async () => (await import('./restore.ts')).RESTORE_USAGE,
  },
  test: {
    run: async (argv) => (await import('./rig-test.ts')).test(argv),
    usage: async () => (await import('./rig-test.ts')).TEST_USAGE,
  },
};

export const OWN_NAMES: readonly string[] = Object.keys(OWN);

/** A role of `install` has help of its own. */
const hasOwnHelp = ([first = '', second = '-']: readonly string[]): boolean =>
  first === 'install' && !second.startsWith('-');

/** Whether these words are such a command's. `doctor` alone looks at this machine, with a host it is the verb. */
export const isOwn = ([first = '', second = '-']: readonly string[]): boolean =>
  Object.hasOwn(OWN, first) && (first !== 'doctor' || second.startsWith('-'));

/** @returns exit code */
export async function runOwn(words: readonly string[]): Promise<number> {
  const [first = '', ...rest] = words;
  const own = OWN[first];
  if (own === undefined) throw new Error(`no command ${first}`);
  if (hasOwnHelp(words) || !rest.some((word) => word === '--help' || word === '-h')) return await own.run(rest);
  console.log(await usageOfOwn(first));
  return 0;
}

/** How one is called. @returns undefined where this is none */
export async function usageOfOwn(name: string): Promise<string | undefined> {
  return Object.hasOwn(OWN, name) ? (await OWN[name]?.usage())?.trimEnd() : undefined;
}
