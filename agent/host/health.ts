import { readFileSync, statfsSync } from 'node:fs';
import { freemem, loadavg, totalmem, uptime } from 'node:os';
import type { HostHealth } from '#shared/model/host.ts';

const MIB = 1_048_576;
const SAMPLE_MS = 60_000;
const SAMPLES_MAX = 1_440;

/** Figures of `/proc/meminfo`, in KiB, by name. Source: proc_meminfo(5) */
export function parseMeminfo(text: string): Map<string, number> {
  return new Map([...text.matchAll(/^([\w()]+):\s+(\d+)/gm)].map((match) => [match[1] ?? '', Number(match[2])]));
}

/** Time that all processors have spent since the start, and how much of it doing nothing, in ticks. Source: proc_stat(5) */
export function parseCpuTimes(text: string): { all: number; idle: number } {
  const [, line = ''] = /^cpu +(.*)$/m.exec(text) ?? [];
  // What guests take is in `user` and `nice` already.
  const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, ...interrupts] = line.split(' ').slice(0, 8).map(Number);
  const busy = [user, nice, system, ...interrupts].reduce((sum, each) => sum + each, 0);
  return { all: busy + idle + iowait, idle: idle + iowait };
}

export interface HealthKeeper {
  /** Newest first; the first is of now. */
  samples(count: number): HostHealth[];
  stop(): void;
}

/** How the host is, now and each minute of the past day. Kept in memory: it begins anew with the agent. */
export function healthKeeper(name: string, folder: string, now: () => number): HealthKeeper {
  let past: HostHealth[] = [];
  let busy = cpuTimes();
  const sample = (): HostHealth => {
    const times = cpuTimes();
    const all = times.all - busy.all;
    const cpuBusyPercent = all > 0 ? Math.round((1000 * (all - (times.idle - busy.idle))) / all) / 10 : undefined;
    return {
      name,
      at: new Date(now()).toISOString(),
      ...figures(folder),
      ...(cpuBusyPercent === undefined ? {} : { cpuBusyPercent }),
    };
  };
  const timer = setInterval(() => {
    past = [sample(), ...past].slice(0, SAMPLES_MAX);
    busy = cpuTimes();
  }, SAMPLE_MS);
  timer.unref();
  return { samples: (count) => [sample(), ...past].slice(0, count), stop: () => clearInterval(timer) };
}

/** One small file: os.cpus() reads several of each processor. */
const cpuTimes = (): { all: number; idle: number } => parseCpuTimes(readFileSync('/proc/stat', 'utf8'));

function figures(folder: string): Omit<HostHealth, 'name' | 'at' | 'cpuBusyPercent'> {
  const memory = parseMeminfo(readFileSync('/proc/meminfo', 'utf8'));
  const [load1 = 0, load5 = 0, load15 = 0] = loadavg();
  const disk = statfsSync(folder);
  const kib = (key: string): number => memory.get(key) ?? 0;
  return {
    load1,
    load5,
    load15,
    memoryMiB: Math.round(totalmem() / MIB),
    memoryAvailableMiB: Math.round(kib('MemAvailable') / 1024) || Math.round(freemem() / MIB),
    swapUsedMiB: Math.round((kib('SwapTotal') - kib('SwapFree')) / 1024),
    diskFreeMiB: Math.round((disk.bavail * disk.bsize) / MIB),
    uptimeS: Math.round(uptime()),
  };
}
