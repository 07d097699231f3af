import { Failure } from '#shared/errors.ts';

/** A bound on what is under way, in all and for each requester. @throws Failure too-busy */
export function loadBound({ underWay, underWayEach }: { underWay: number; underWayEach: number }) {
  const each = new Map<string, number>();
  let all = 0;
  const admit = (requester: string): void => {
    const own = each.get(requester) ?? 0;
    if (all >= underWay) throw new Failure('too-busy', { problem: `${underWay} requests are the most here` });
    if (own >= underWayEach)
      throw new Failure('too-busy', { problem: `${underWayEach} requests of one account are the most here` });
    all++;
    each.set(requester, own + 1);
  };
  const leave = (requester: string): void => {
    all--;
    const left = (each.get(requester) ?? 1) - 1;
    if (left > 0) each.set(requester, left);
    else each.delete(requester);
  };
  return async <T>(requester: string, work: () => Promise<T>): Promise<T> => {
    admit(requester);
    try {
      return await work();
    } finally {
      leave(requester);
    }
  };
}
