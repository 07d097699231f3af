import { join } from 'node:path';
import type { Run } from '#agent/exec/run.ts';
import { keepFile, readIfThere } from '#agent/files/folder.ts';
import { inSpace } from '#agent/networks/linux/commands.ts';
import { Failure } from '#shared/errors.ts';
import type { RouterPlan } from './plan.ts';
import { elementsOf, RULES_MARK, TABLE, wholeRuleset } from './ruleset.ts';

/** What `nft` printed of the rules when they were loaded: they are as they were where it prints the same. */
const PRINTED = 'ruleset';

interface At {
  run: Run;
  namespace: string;
  folder: string;
}

/**
 * Have the rules of a router in its namespace, by one transaction: of elements alone where the rules are as they were loaded.
 *
 * @param isNew the namespace has none yet
 * @returns what is still to be done after: they are read back, so that it is known later whether somebody changed them
 * @throws Failure host-command
 */
export async function loadRules(
  at: At,
  plan: RouterPlan,
  isNew: boolean,
  signal: AbortSignal,
): Promise<() => Promise<void>> {
  const { run, namespace, folder } = at;
  const apply = (input: string): Promise<string> => run({ ...inSpace(namespace, 'nft', '-f', '-'), input }, signal);
  const printed = isNew ? undefined : await printRules(at, signal);
  if (printed?.includes(`"${RULES_MARK}"`) && printed === (await readIfThere(join(folder, PRINTED)))) {
    await apply(elementsOf(plan));
    return async () => {};
  }
  await apply(wholeRuleset(plan));
  return async () => void (await keepFile(join(folder, PRINTED), (await printRules(at, signal)) ?? ''));
}

/** The same, to its end. @throws Failure host-command */
export async function keepRules(at: At, plan: RouterPlan, signal: AbortSignal): Promise<void> {
  const readBack = await loadRules(at, plan, false, signal);
  await readBack();
}

/** Whether somebody changed the rules since they were loaded. Elements are not looked at. */
export const areRulesChanged = async (at: At, signal: AbortSignal): Promise<boolean> =>
  (await printRules(at, signal)) !== (await readIfThere(join(at.folder, PRINTED)));

/** The rules without elements and counts; undefined where there is no such table. */
async function printRules({ run, namespace }: At, signal: AbortSignal): Promise<string | undefined> {
  try {
    return await run(inSpace(namespace, 'nft', '--stateless', '--terse', 'list', 'table', ...TABLE.split(' ')), signal);
  } catch (error) {
    if (error instanceof Failure && /No such file or directory/.test(error.message)) return undefined;
    throw error;
  }
}
