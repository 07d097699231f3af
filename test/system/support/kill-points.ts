import assert from 'node:assert/strict';

/** Where a program kills itself: right before its n-th commit, or right after it. See central/database/failpoint.ts. */
export type KillPoint = `${'before' | 'after'}:${number}`;

/** More commits than any of these stories takes. */
export const COMMITS_MAX = 80;

/**
 * Try a story with a kill at each place between two commits, before the first and after the last too, until one is not reached. What lies between two
 * commits is tried right after the one or right before the other, in turn; with SKERRY_KILLS=all, both.
 *
 * @param wasKilled whether the story came so far
 * @returns how many kills there were
 */
export async function killedBetween(wasKilled: (at: KillPoint) => Promise<boolean>): Promise<number> {
  let kills = 0;
  for (let commit = 1; ; commit++) {
    assert.ok(commit <= COMMITS_MAX, `there are more than ${COMMITS_MAX} commits`);
    const isTried = commit % 2 === 1 || process.env.SKERRY_KILLS === 'all';
    if (isTried && !(await wasKilled(`before:${commit}`))) {
      // The last one has nothing after it that this could stand for.
      if (process.env.SKERRY_KILLS !== 'all' && commit > 1) kills += Number(await wasKilled(`after:${commit - 1}`));
      return kills;
    }
    kills += Number(isTried);
    if (!isTried) continue;
    if (!(await wasKilled(`after:${commit}`))) return kills;
    kills++;
  }
}
