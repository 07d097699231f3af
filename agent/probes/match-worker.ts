/** Tries patterns in a thread of its own, which can be ended in the middle of one that takes too long. */
import { parentPort } from 'node:worker_threads';

/** Found in one of these? */
export interface Question {
  pattern: string;
  texts: readonly string[];
}
export type Answer = { isFound: boolean } | { problem: string };

parentPort?.on('message', ({ pattern, texts }: Question) => {
  parentPort?.postMessage(answerTo(pattern, texts));
});
// A thread is online before it has read this file, which takes a while on a busy machine.
parentPort?.postMessage('listening');

function answerTo(pattern: string, texts: readonly string[]): Answer {
  try {
    const expression = new RegExp(pattern, 'u');
    return { isFound: texts.some((text) => expression.test(text)) };
  } catch {
    return { problem: 'the pattern is not a regular expression' };
  }
}
