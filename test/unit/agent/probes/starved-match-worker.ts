/** Answers as a thread does that the machine has no time for: late, and without having computed meanwhile. */
import { parentPort } from 'node:worker_threads';

const LATE_MS = 800;
parentPort?.on('message', () => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LATE_MS);
  parentPort?.postMessage({ isFound: true });
});
parentPort?.postMessage('listening');
