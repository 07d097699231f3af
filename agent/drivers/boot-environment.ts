import type { BootParameter } from '#shared/model/boot-parameter.ts';

/**
 * Boot parameters of a zone: variables in the environment of its first process, where Linux puts the parameters of a kernel that it
 * does not know itself. One more of ours names them, so that they can be told from all others there.
 *
 * Source: environ(7), proc(5); Documentation/admin-guide/kernel-parameters.rst
 */
const NAMES = 'SKERRY_PARAMS';

/** `NAME=VALUE` each. They are there also where there are none, so that a start by Skerry can be told from one by others. */
export const environmentOf = (params: readonly BootParameter[]): string[] => [
  `${NAMES}=${params.map(({ name }) => name).join(' ')}`,
  ...params.map(({ name, value }) => `${name}=${value}`),
];

/** Whether an environment is that of a zone which Skerry has started. */
export const isStartedBySkerry = (environ: string): boolean => valueIn(environ, NAMES) !== undefined;

/** Shape: `NAME=VALUE`, each ended by a NUL. */
export function parametersIn(environ: string): BootParameter[] {
  const names = (valueIn(environ, NAMES) ?? '').split(' ').filter((name) => name !== '');
  return names.flatMap((name) => {
    const value = valueIn(environ, name);
    return value === undefined ? [] : [{ name, value }];
  });
}

const valueIn = (environ: string, name: string): string | undefined =>
  environ
    .split('\0')
    .findLast((word) => word.startsWith(`${name}=`))
    ?.slice(name.length + 1);
