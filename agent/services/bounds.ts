const only = (capabilities: readonly string[]): string => ['-all', ...capabilities.map((each) => `+${each}`)].join(',');

/** A line for `sh` that runs a program with no more of root's powers than these, and as somebody else where one is named. */
export const boundTo = (
  capabilities: readonly string[],
  program: string,
  user?: { uid: number; gid: number },
): string => {
  const as = user ? `--reuid=${user.uid} --regid=${user.gid} --clear-groups ` : '';
  return `exec setpriv --no-new-privs ${as}--inh-caps=-all --bounding-set=${only(capabilities)} ${program}`;
};

/** The same as nobody, who keeps these powers, and so does what the program starts. */
export const asNobodyWith = (capabilities: readonly string[], program: string): string =>
  [
    'exec setpriv --no-new-privs --reuid=nobody --regid=nogroup --clear-groups',
    ...['inh-caps', 'ambient-caps', 'bounding-set'].map((set) => `--${set}=${only(capabilities)}`),
    program,
  ].join(' ');
