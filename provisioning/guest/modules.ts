import { Failure } from '#shared/errors.ts';

/**
 * Order modules so that each comes after what it needs.
 *
 * Shape of modulesDep: `PATH: PATH PATH …`, a line a module, what it needs after the colon, nearest first.
 * @param builtin the lines of modules.builtin: what the kernel has in it and needs no loading
 * @throws Failure setup-needed naming a module that the kernel has neither way
 * Source: modules.dep(5)
 */
export function loadOrder(modulesDep: string, builtin: string, wanted: readonly string[]): string[] {
  const needs = new Map<string, string[]>();
  for (const line of modulesDep.split('\n').filter((each) => each.includes(':'))) {
    const [path = '', rest = ''] = line.split(':');
    needs.set(path, rest.trim().split(' ').filter(Boolean));
  }
  const byName = new Map([...needs.keys()].map((path) => [moduleName(path), path]));
  const isBuiltin = new Set(builtin.split('\n').map(moduleName));
  const ordered = wanted.flatMap((name) => {
    const path = byName.get(moduleName(name));
    if (path !== undefined) return [...(needs.get(path) ?? []).toReversed(), path];
    if (isBuiltin.has(moduleName(name))) return [];
    throw new Failure('setup-needed', { problem: `the guest's kernel has no module ${name}` });
  });
  return [...new Set(ordered)];
}

/** The kernel takes - and _ in a module's name for the same. */
const moduleName = (path: string): string => (path.split('/').at(-1) ?? '').replace(/\.ko.*$/, '').replaceAll('-', '_');
