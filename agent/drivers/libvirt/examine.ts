import { access, constants } from 'node:fs/promises';
import type { HypervisorDriver } from '#agent/drivers/driver.ts';
import { messageOf } from '#shared/errors.ts';
import type { Ground } from './ground.ts';

type Finding = Awaited<ReturnType<NonNullable<HypervisorDriver['examine']>>>[number];

/** libvirt before this has no `domstats --nowait` (4.5) and no `--timestamp` for events that we read. */
const LIBVIRT_MIN = [6, 0, 0];

/** Findings about the hypervisor's machine that cost next to nothing. */
export async function examine(ground: Ground, signal: AbortSignal): Promise<Finding[]> {
  let version: string;
  try {
    version = await ground.virsh.read(['version', '--daemon'], signal);
  } catch (error) {
    signal.throwIfAborted();
    return [
      {
        check: 'libvirt',
        verdict: 'wrong',
        found: `${ground.uri} does not answer: ${messageOf(error)}`,
        mend: 'start libvirtd (systemctl start libvirtd), or set another connection URI',
      },
    ];
  }
  const findings = [libvirtFinding(version)];
  if (ground.hypervisor.shortForm.types.includes('kvm')) findings.push(await kvmFinding(ground, signal));
  return findings;
}

function libvirtFinding(version: string): Finding {
  const running = /^Running against daemon: (.*)$/m.exec(version)?.[1] ?? '?';
  const parts = running.split('.').map(Number);
  const differing = LIBVIRT_MIN.findIndex((part, index) => parts[index] !== part);
  const isNewEnough = differing < 0 || (parts[differing] ?? 0) > (LIBVIRT_MIN[differing] ?? 0);
  const hypervisor = /^Running hypervisor: (.*)$/m.exec(version)?.[1];
  const found = `libvirt ${running}${hypervisor ? `, ${hypervisor}` : ''}`;
  return isNewEnough
    ? { check: 'libvirt', verdict: 'ok', found }
    : { check: 'libvirt', verdict: 'wrong', found, mend: `install libvirt ${LIBVIRT_MIN.join('.')} or later` };
}

/** libvirt offers KVM when /dev/kvm is there for it; guests run without, ten times slower. */
async function kvmFinding(ground: Ground, signal: AbortSignal): Promise<Finding> {
  const { domainTypes } = await ground.capabilities(signal);
  const check = 'KVM';
  const device = `${ground.root}/dev/kvm`;
  const openable = await access(device, constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
  if (domainTypes.has('kvm')) {
    return openable
      ? { check, verdict: 'ok', found: 'offered by libvirt' }
      : { check, verdict: 'warning', found: `offered by libvirt, but ${device} cannot be opened`, mend: KVM_MEND };
  }
  return { check, verdict: 'warning', found: 'not offered: guests are emulated, which is slow', mend: KVM_MEND };
}

const KVM_MEND = 'switch on virtualisation in the firmware, load kvm_intel or kvm_amd, and let libvirt open /dev/kvm';
