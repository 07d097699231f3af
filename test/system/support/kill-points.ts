import assert from 'node:assert/strict';
import { askUntilAnswered } from './asking.ts';
import type { TestCentral } from './central.ts';
import type { Person } from './person.ts';

/** More commits than any of these stories takes. */
export const COMMITS_MAX = 80;
/** What was on its way to central when it was killed is answered by nobody: it is asked again. */
const ANSWER_MS = 700;

/** Where central kills itself: right before its n-th commit, or right after it. See central/database/failpoint.ts. */
export type KillPoint = `${'before' | 'after'}:${number}`;

/** Try a story with a kill at each commit, until one is not reached. @returns how many there were */
export async function commitsKilledAt(
  when: 'before' | 'after',
  wasKilled: (at: KillPoint) => Promise<boolean>,
): Promise<number> {
  let commit = 1;
  while (await wasKilled(`${when}:${commit}`)) commit++;
  assert.ok(commit < COMMITS_MAX, `there are more than ${COMMITS_MAX} commits`);
  return commit - 1;
}

/** Do it all with a central that is killed there and begins again, and is killed once more at the end. @returns whether it came so far */
export async function killedWhile(central: TestCentral, at: KillPoint, story: () => Promise<void>): Promise<boolean> {
  let isKilled = false;
  let isOver = false;
  const begun = central.start({ SKERRY_FAILPOINT: at }).catch(() => {});
  const killed = begun.then(async () => {
    if ((await central.ended()) !== 'SIGKILL' || isOver) return;
    isKilled = true;
    await central.start();
  });
  await story();
  isOver = true;
  await central.kill9();
  await killed;
  return isKilled;
}

/** Somebody who asks central until there is an answer; what only reads waits until the host has reported. */
export const askThroughKills = (who: () => Person): ReturnType<typeof askUntilAnswered> =>
  askUntilAnswered(
    who,
    ANSWER_MS,
    ({ code }, operation) => code === 'host-unreachable' || (code === 'guest-not-found' && !operation),
  );
