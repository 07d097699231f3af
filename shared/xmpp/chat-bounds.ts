const EACH_MAX = 60;
const EACH_PER_S = 5;
const CONFUSED_MAX = 10;
const SENDERS_MAX = 1_000;

export type Admitted = 'go' | 'tell' | 'ignore';

interface Sender {
  left: number;
  at: number;
  isTold: boolean;
  confused: number;
}

/**
 * Bounds on one sender's messages, so that two programs do not answer each other for ever: so many at once and so many a
 * second, and only so many in a row that are not understood. Each bound is told once; then there is silence until it holds again.
 */
export function chatBounds(now: () => number) {
  const senders = new Map<string, Sender>();

  const senderOf = (jid: string): Sender => {
    const known = senders.get(jid);
    const sender = known ?? { left: EACH_MAX, at: now(), isTold: false, confused: 0 };
    // Who was heard longest ago stands first, and goes first.
    senders.delete(jid);
    senders.set(jid, sender);
    const [oldest] = senders.keys();
    if (senders.size > SENDERS_MAX && oldest !== undefined) senders.delete(oldest);
    return sender;
  };

  return {
    /** Whether a message of this sender is heard at all. */
    admit(jid: string): Admitted {
      const sender = senderOf(jid);
      sender.left = Math.min(EACH_MAX, sender.left + ((now() - sender.at) / 1000) * EACH_PER_S);
      sender.at = now();
      if (sender.left >= 1) {
        sender.left--;
        sender.isTold = false;
        return 'go';
      }
      const admitted = sender.isTold ? 'ignore' : 'tell';
      sender.isTold = true;
      return admitted;
    },
    /** Whether it is said that this message was not understood. */
    confused(jid: string): Admitted {
      const sender = senderOf(jid);
      sender.confused++;
      if (sender.confused < CONFUSED_MAX) return 'go';
      return sender.confused === CONFUSED_MAX ? 'tell' : 'ignore';
    },
    understood(jid: string): void {
      senderOf(jid).confused = 0;
    },
  };
}
export type ChatBounds = ReturnType<typeof chatBounds>;
