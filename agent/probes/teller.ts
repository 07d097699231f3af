import type { Clock } from '#shared/clock.ts';
import type { ProbeAnswer } from '#shared/model/probe.ts';
import type { Standing } from './runner.ts';

export interface TellerDeps {
  clock: Clock;
  /** What cannot be sent is dropped: it is told again while it is good, and whoever comes back asks anew. */
  send(answers: ProbeAnswer[]): Promise<void> | void;
}

/** News are gathered so long, so that what happens together goes together. */
const GATHER_MS = 20;
const PAUSE_MS = 1_000;

/** Sends news at once, but not more than once a second and not before the last was taken. Of each probe the newest is sent. */
export function answerTeller({ clock, send }: TellerDeps): { tell(standing: Standing): void; stop(): void } {
  const news = new Map<string, Standing>();
  let sentAt = Number.NEGATIVE_INFINITY;
  let isSending = false;
  let isStopped = false;
  let callOff: (() => void) | undefined;

  const stir = (): void => {
    if (isSending || isStopped || callOff || news.size === 0) return;
    callOff = clock.after(Math.max(GATHER_MS, sentAt + PAUSE_MS - clock.now()), () => {
      callOff = undefined;
      void flush();
    });
  };
  const flush = async (): Promise<void> => {
    const now = clock.now();
    const answers = [...news.values()].map((standing) => answerOf(standing, now));
    news.clear();
    sentAt = now;
    isSending = true;
    try {
      await send(answers);
    } finally {
      isSending = false;
      stir();
    }
  };
  return {
    tell: (standing) => {
      news.set(standing.id, standing);
      stir();
    },
    stop: () => {
      isStopped = true;
      callOff?.();
      news.clear();
    },
  };
}

const answerOf = ({ from, at, ...rest }: Standing, now: number): ProbeAnswer => ({
  ...rest,
  from: ageOf(from, now),
  at: ageOf(at, now),
});

const ageOf = (time: number, now: number): number => Math.max(0, Math.ceil(now - time));
