import type { Watch } from '#agent/drivers/driver.ts';
import { lines, startSession } from '#agent/exec/session.ts';
import { SWITCH_WATCHES } from './openvswitch/database.ts';

const WATCHES = [
  { file: 'ip', args: ['-o', 'monitor', 'link'] },
  { file: 'nft', args: ['monitor'] },
] as const;

/** Tell of every change of a link, a ruleset or Open vSwitch of the host's own namespace, by whomever. */
export async function watchHost(
  onChange: () => void,
  onBreak: (problem: Error) => void,
  signal: AbortSignal,
  hasOpenVSwitch = false,
): Promise<Watch> {
  signal.throwIfAborted();
  let isOver = false;
  const watches = [...WATCHES, ...(hasOpenVSwitch ? SWITCH_WATCHES : [])];
  const sessions = watches.map(({ file, args }) =>
    startSession({ file, args, onOut: lines(onChange), onError: () => {} }),
  );
  const end = async (): Promise<void> => {
    isOver = true;
    await Promise.all(sessions.map((session) => session.kill()));
  };
  for (const [index, { ended }] of sessions.entries())
    void ended.then(({ problem }) => {
      if (isOver) return;
      void end();
      onBreak(new Error(`${watches[index]?.file} monitor: ${problem}`));
    });
  return { stop: end };
}
