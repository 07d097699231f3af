import { join } from 'node:path';
import type { Run } from '#agent/exec/run.ts';
import { keepFile, readIfThere } from '#agent/files/folder.ts';
import { Failure } from '#shared/errors.ts';
import { inNamespace } from './namespace.ts';
import type { RouterPlan } from './plan.ts';
import { elementsOf, RULES_MARK, TABLE, wholeRuleset } from './ruleset.ts';

/** What `nft` printed of the rules when they were loaded: they are as they were where it prints the same. */
const PRINTED = 'ruleset';

/**
 * Have the rules of a router in its namespace, by one transaction: of elements alone where the rules are as they were loaded.
 *
 * @throws Failure host-command
 */
export async function keepRules(
  { run, namespace, folder }: { run: Run; namespace: string; folder: string },
  plan: RouterPlan,
  signal: AbortSignal,
): Promise<void> {
  const apply = (input: string): Promise<string> => run({ ...inNamespace(namespace, 'nft', '-f', '-'), input }, signal);
  const printed = await printRules(run, namespace, signal);
  const areRight = printed?.includes(`"${RULES_MARK}"`) && printed === (await readIfThere(join(folder, PRINTED)));
  if (areRight) {
    await apply(elementsOf(plan));
    return;
  }
  await apply(wholeRuleset(plan));
  await keepFile(join(folder, PRINTED), (await printRules(run, namespace, signal)) ?? '');
}

/** Whether somebody changed the rules since they were loaded. Elements are not looked at. */
export async function areRulesChanged(
  { run, namespace, folder }: { run: Run; namespace: string; folder: string },
  signal: AbortSignal,
): Promise<boolean> {
  return (await printRules(run, namespace, signal)) !== (await readIfThere(join(folder, PRINTED)));
}

/** The rules without elements and counts; undefined where there is no such table. */
async function printRules(run: Run, namespace: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    return await run(
      inNamespace(namespace, 'nft', '--stateless', '--terse', 'list', 'table', ...TABLE.split(' ')),
      signal,
    );
  } catch (error) {
    if (error instanceof Failure && /No such file or directory/.test(error.message)) return undefined;
    throw error;
  }
}
