/** The thread that tries patterns, on a machine that is so busy that it takes long to begin. */
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 700);
await import('#agent/probes/match-worker.ts');
