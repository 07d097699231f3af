import { readFileSync, statSync } from 'node:fs';
import type { AgentConfig } from '#agent/config.ts';
import type { HypervisorDriver } from '#agent/drivers/driver.ts';
import { partsOf } from '#agent/drivers/part.ts';
import type { Inventory } from '#agent/inventory/inventory.ts';
import { authorityFinding } from '#shared/doctor/certificates.ts';
import { clockFinding } from '#shared/doctor/clock.ts';
import { messageOf } from '#shared/errors.ts';
import type { Finding } from '#shared/model/host.ts';
import type { HealthKeeper } from './health.ts';

export interface DoctorDeps {
  config: AgentConfig;
  driver: HypervisorDriver;
  inventory: Pick<Inventory, 'find' | 'guests' | 'host'>;
  health: HealthKeeper;
  now(): number;
  /** What the server's clock says. */
  serverTimeMs(): Promise<number>;
}

/** Look at all that this agent stands on; each finding says how to mend it. */
export async function examineHost(deps: DoctorDeps, signal: AbortSignal): Promise<Finding[]> {
  return [
    ...files(deps.config),
    ...authority(deps.config, deps.now()),
    policy(deps.config),
    await clockFinding(deps.serverTimeMs, deps.now),
    ...room(deps.health),
    ...names(deps.driver, deps.inventory),
    ...(await Promise.all(partsOf(deps.driver).map((part) => hypervisor(part, signal)))).flat(),
  ];
}

function files({ credentials, state }: AgentConfig): Finding[] {
  return [credentials, state].map((file) => {
    const open = (statSync(file).mode & 0o077) !== 0;
    return {
      check: `mode of ${file}`,
      verdict: open ? 'wrong' : 'ok',
      found: open ? 'others can read it' : 'only its owner can read it',
      ...(open ? { mend: `chmod go= ${file}` } : {}),
    };
  });
}

function authority({ ca }: AgentConfig, nowMs: number): Finding[] {
  if (ca === undefined) return [{ check: 'certificate authority', verdict: 'ok', found: 'those that Node trusts' }];
  return [authorityFinding(readIfThere(ca), ca, nowMs)];
}

/** A file that cannot be read holds nothing: the finding says so. */
function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** Nobody may do anything where nobody has a role, here or by central. */
function policy({ central, policy: { grants } }: AgentConfig): Finding {
  const check = 'policy';
  const found = `${grants.length} ${grants.length === 1 ? 'grant' : 'grants'}`;
  if (central !== undefined) return { check, verdict: 'ok', found: `${found} of its own, and those of ${central}` };
  if (grants.length > 0) return { check, verdict: 'ok', found };
  return { check, verdict: 'warning', found, mend: 'grant somebody a role, in `policy.grants` of the configuration' };
}

function room(health: HealthKeeper): Finding[] {
  const [now] = health.samples(1);
  const low = now !== undefined && now.diskFreeMiB < 512;
  return [
    {
      check: 'room for the journal',
      verdict: low ? 'warning' : 'ok',
      found: `${now?.diskFreeMiB ?? 0} MiB free`,
      ...(low ? { mend: 'free some space: without it no change is carried out' } : {}),
    },
  ];
}

/** Guests of two drivers that have one name: the later one goes by another. */
function names({ parts }: HypervisorDriver, inventory: Pick<Inventory, 'find' | 'guests' | 'host'>): Finding[] {
  if (!parts || inventory.host === undefined) return [];
  const check = 'names of guests';
  const clashes = inventory.guests().flatMap(({ name, driver = '' }) => {
    const own = name.slice(0, -driver.length - 1);
    const first = name === `${own}.${driver}` ? inventory.find(own) : undefined;
    return first ? [{ check, verdict: 'warning' as const, found: clash(own, first.driver, name), mend: RENAME }] : [];
  });
  return clashes.length > 0 ? clashes : [{ check, verdict: 'ok', found: 'no two drivers have a guest of one name' }];
}

const clash = (own: string, first: string | undefined, name: string): string =>
  `two guests are called ${own}: that of ${first} goes by it, and the other by ${name}`;
const RENAME = 'give one of them another name, with the tools of its hypervisor';

async function hypervisor(driver: HypervisorDriver, signal: AbortSignal): Promise<Finding[]> {
  try {
    const host = await driver.readHost(signal);
    return [
      { check: 'hypervisor', verdict: 'ok', found: `${host.hypervisor} answers at ${driver.uri}` },
      ...((await driver.examine?.(signal)) ?? []),
    ];
  } catch (error) {
    return [
      {
        check: 'hypervisor',
        verdict: 'wrong',
        found: messageOf(error),
        mend: mendOf(driver),
      },
    ];
  }
}

/** What to do about a hypervisor that does not answer. */
const MENDS: Readonly<Record<string, string>> = {
  lxc: "install LXC (Debian's package lxc)",
  zones: 'run the agent as root in the global zone of an illumos host',
  fake: 'see that its stateFile can be read, or take that away',
};

const mendOf = ({ kind, uri }: HypervisorDriver): string =>
  MENDS[kind] ?? `see that ${uri} answers: virsh -c ${uri} version`;
