import type { DriverHost } from '#agent/drivers/driver.ts';
import type { Run } from '#agent/exec/run.ts';
import { Failure } from '#shared/errors.ts';
import { countCpus, readMemory, readSystem } from './commands.ts';

/** A number alone, as `psrinfo -t` and `prtconf -m` print one. @throws Failure host-output */
export function parseNumber(command: string, stdout: string): number {
  const text = stdout.trim();
  if (!/^\d+$/.test(text))
    throw new Failure('host-output', { problem: `${command} printed ${JSON.stringify(stdout)}` });
  return Number(text);
}

/** What the global zone has. */
export async function readHost(run: Run, signal: AbortSignal): Promise<DriverHost> {
  const [cpus, memory, system] = await Promise.all([
    run(countCpus(), signal),
    run(readMemory(), signal),
    run(readSystem(), signal),
  ]);
  return {
    cpus: parseNumber('psrinfo -t', cpus),
    memoryMiB: parseNumber('prtconf -m', memory),
    hypervisor: `zones, ${system.trim()}`,
  };
}

/** What does not change while a host is up is asked for once. */
export function hostOnce(run: Run): (signal: AbortSignal) => Promise<DriverHost> {
  let known: DriverHost | undefined;
  return async (signal) => {
    known ??= await readHost(run, signal);
    return known;
  };
}
