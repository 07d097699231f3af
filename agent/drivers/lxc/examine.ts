import { readFile } from 'node:fs/promises';
import type { HypervisorDriver } from '#agent/drivers/driver.ts';
import { messageOf } from '#shared/errors.ts';
import type { Ground } from './ground.ts';

type Finding = Awaited<ReturnType<NonNullable<HypervisorDriver['examine']>>>[number];

const VERSION_MIN = 4;

/** Findings about what zones stand on. */
export async function examine(ground: Ground, signal: AbortSignal): Promise<Finding[]> {
  return [await toolsFinding(ground, signal), await folderFinding(ground), usersFinding(ground), limitsFinding(ground)];
}

async function toolsFinding(ground: Ground, signal: AbortSignal): Promise<Finding> {
  const check = 'LXC';
  const mend = `install LXC ${VERSION_MIN} or later (Debian's package lxc)`;
  try {
    const version = (await ground.run({ file: 'lxc-info', args: ['--version'], timeoutMs: 10_000 }, signal)).trim();
    const isNewEnough = Number(/^\d+/.exec(version)?.[0] ?? 0) >= VERSION_MIN;
    return isNewEnough
      ? { check, verdict: 'ok', found: `LXC ${version}` }
      : { check, verdict: 'wrong', found: `LXC ${version}`, mend };
  } catch (error) {
    signal.throwIfAborted();
    return { check, verdict: 'wrong', found: messageOf(error), mend };
  }
}

async function folderFinding({ zones, folder }: Ground): Promise<Finding> {
  const check = 'folder of zones';
  try {
    return { check, verdict: 'ok', found: `${(await zones.list()).length} in ${folder}` };
  } catch (error) {
    return {
      check,
      verdict: 'wrong',
      found: messageOf(error),
      mend: `make ${folder}, or set \`folder\` of the driver`,
    };
  }
}

function usersFinding({ idmap }: Ground): Finding {
  const check = 'users of new zones';
  return idmap
    ? { check, verdict: 'ok', found: `unprivileged: their root is user ${idmap.first} of the host` }
    : {
        check,
        verdict: 'warning',
        found: "privileged: their root is the host's own root",
        mend: 'allow user namespaces (sysctl user.max_user_namespaces), and leave `unprivileged` of the driver on',
      };
}

function limitsFinding({ cgroups: { memory, cpu, swap } }: Ground): Finding {
  const found = `by cgroups: memory version ${memory}, ${swap ? 'with swap' : 'without swap'}, cpu version ${cpu}`;
  return { check: 'limits of zones', verdict: 'ok', found };
}

/** Whether the kernel lets a namespace of users be made at all. */
export const hasUserNamespaces = async (): Promise<boolean> =>
  Number(await readFile('/proc/sys/user/max_user_namespaces', 'utf8').catch(() => '0')) > 0;
