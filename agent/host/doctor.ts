import { X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import type { AgentConfig } from '#agent/config.ts';
import type { HypervisorDriver } from '#agent/drivers/driver.ts';
import { messageOf } from '#shared/errors.ts';
import type { Finding } from '#shared/model/host.ts';
import type { HealthKeeper } from './health.ts';

const DAY_MS = 86_400_000;

export interface DoctorDeps {
  config: AgentConfig;
  driver: HypervisorDriver;
  health: HealthKeeper;
  now(): number;
}

/** Look at all that this agent stands on; each finding says how to mend it. */
export async function examineHost(deps: DoctorDeps, signal: AbortSignal): Promise<Finding[]> {
  return [
    ...files(deps.config),
    ...certificate(deps.config, deps.now()),
    ...room(deps.health),
    ...(await hypervisor(deps.driver, signal)),
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

function certificate({ ca }: AgentConfig, now: number): Finding[] {
  if (ca === undefined) return [{ check: 'certificate authority', verdict: 'ok', found: 'those that Node trusts' }];
  try {
    const days = Math.floor((Date.parse(new X509Certificate(readFileSync(ca)).validTo) - now) / DAY_MS);
    const verdict = days < 0 ? 'wrong' : days < 30 ? 'warning' : 'ok';
    return [
      {
        check: 'certificate authority',
        verdict,
        found: days < 0 ? 'it has expired' : `valid for ${days} more days`,
        ...(verdict === 'ok' ? {} : { mend: `put the site's present authority into ${ca}` }),
      },
    ];
  } catch (error) {
    return [
      {
        check: 'certificate authority',
        verdict: 'wrong',
        found: messageOf(error),
        mend: `put the site's authority, in PEM, into ${ca}`,
      },
    ];
  }
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
        mend: `see that ${driver.uri} answers: virsh -c ${driver.uri} version`,
      },
    ];
  }
}
