/** A command that is no verb: its words, and how it is called. */
interface Own {
  run(argv: string[]): Promise<number>;
  usage: string;
}

/** Each is loaded when it is asked for: a verb needs nothing of the rig, help nothing of XMPP, and shall not wait for it. */
const OWN: Readonly<Record<string, () => Promise<Own>>> = {
  up: () => import('./rig-up.ts').then(({ up, UP_USAGE }) => ({ run: up, usage: UP_USAGE })),
  down: () => import('./rig-down.ts').then(({ down, DOWN_USAGE }) => ({ run: down, usage: DOWN_USAGE })),
  status: () => import('./rig-status.ts').then(({ status, STATUS_USAGE }) => ({ run: status, usage: STATUS_USAGE })),
  'agent-join': () =>
    import('./agent-join.ts').then(({ agentJoin, JOIN_USAGE }) => ({ run: agentJoin, usage: JOIN_USAGE })),
  install: () =>
    import('#provisioning/roles/install.ts').then(({ install, INSTALL_USAGE }) => ({
      run: install,
      usage: INSTALL_USAGE,
    })),
  doctor: () =>
    import('./doctor-command.ts').then(({ doctor, DOCTOR_USAGE }) => ({ run: doctor, usage: DOCTOR_USAGE })),
  restore: () => import('./restore.ts').then(({ restore, RESTORE_USAGE }) => ({ run: restore, usage: RESTORE_USAGE })),
  test: () => import('./rig-test.ts').then(({ test, TEST_USAGE }) => ({ run: test, usage: TEST_USAGE })),
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
  const load = OWN[first];
  if (load === undefined) throw new Error(`no command ${first}`);
  const own = await load();
  if (hasOwnHelp(words) || !rest.some((word) => word === '--help' || word === '-h')) return await own.run(rest);
  console.log(own.usage.trimEnd());
  return 0;
}

/** How one is called. @returns undefined where this is none */
export async function usageOfOwn(name: string): Promise<string | undefined> {
  return Object.hasOwn(OWN, name) ? (await OWN[name]?.())?.usage.trimEnd() : undefined;
}
