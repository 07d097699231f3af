import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Ask, Connections, GuestTruth, WorkerPlan } from './messages.ts';

const WORKER = fileURLToPath(new URL('worker.ts', import.meta.url));

/** A process with some of the fleet's agents. */
export interface Crew {
  readonly hosts: readonly string[];
  readonly pid: number;
  truth(): Promise<GuestTruth[]>;
  connections(): Promise<Connections>;
  /** @returns when its driver told it, of CLOCK_MONOTONIC, in ms */
  switch(host: string, guest: string, on: boolean): Promise<number>;
  /** SIGKILL; resolves when it is gone. */
  kill9(): Promise<void>;
}

type Question = Ask extends infer Each ? (Each extends Ask ? Omit<Each, 'id'> : never) : never;

/** Resolves when all its agents have begun; they may not be connected by then. */
export async function startCrew(plan: WorkerPlan, planFile: string): Promise<Crew> {
  await writeFile(planFile, JSON.stringify(plan));
  const child = fork(WORKER, [planFile], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const gone = once(child, 'exit');
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  const begun = Promise.withResolvers<unknown>();
  waiting.set(0, begun);
  child.on('message', ({ id, answer }: { id: number; answer: unknown }) => {
    waiting.get(id)?.resolve(answer);
    waiting.delete(id);
  });
  child.once('exit', (code) => {
    for (const { reject } of waiting.values()) reject(new Error(`a worker ended with ${code}`));
  });
  await begun.promise;
  return crewOf(child, plan.hosts, gone, waiting);
}

function crewOf(
  child: ChildProcess,
  hosts: readonly string[],
  gone: Promise<unknown>,
  waiting: Map<number, PromiseWithResolvers<unknown>>,
): Crew {
  let last = 0;
  const ask = async (question: Question): Promise<unknown> => {
    const id = ++last;
    const answer = Promise.withResolvers<unknown>();
    waiting.set(id, answer);
    child.send({ ...question, id });
    return await answer.promise;
  };
  return {
    hosts,
    pid: child.pid ?? 0,
    truth: async () => (await ask({ ask: 'truth' })) as GuestTruth[],
    connections: async () => (await ask({ ask: 'connections' })) as Connections,
    switch: async (host, guest, on) => (await ask({ ask: 'switch', host, guest, on })) as number,
    kill9: async () => {
      child.kill('SIGKILL');
      await gone;
    },
  };
}
