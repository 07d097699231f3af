import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { openConsole } from '#agent/drivers/libvirt/console.ts';
import type { Ground } from '#agent/drivers/libvirt/ground.ts';
import { qemu } from '#agent/drivers/libvirt/hypervisors/qemu.ts';
import { Failure } from '#shared/errors.ts';
import { recorded } from './fixtures.ts';

const UUID = '5d2b0b0e-6f0e-4f0a-9d0e-0123456789ab';

/** Where a guest counts as running, and is defined so. */
const groundWith = (xml: string): Ground => {
  const said: Readonly<Record<string, string>> = {
    dominfo: recorded('dominfo-running.txt'),
    domstate: 'running (booted)',
    desc: '',
    dumpxml: xml,
  };
  return {
    virsh: { read: async ([word = '']: string[]) => said[word] },
    hypervisor: qemu,
    root: '',
    host: 'host1',
  } as unknown as Ground;
};
const openedWith = (xml: string) => openConsole(groundWith(xml), UUID, AbortSignal.timeout(5_000));
const failsWith = (code: string) => (error: unknown) => error instanceof Failure && error.code === code;

describe('agent/drivers/libvirt: opening a console', () => {
  it('is for later where the guest is on its way up, and its port has no place yet', async () => {
    await assert.rejects(openedWith(recorded('dumpxml-off.txt')), failsWith('console-closed'));
  });

  it('is not for this guest where it has no serial console, or one that somebody else listens at', async () => {
    const serial = (device: string) => `<domain><devices>${device}</devices></domain>`;
    await assert.rejects(openedWith(serial('')), failsWith('console-missing'));
    const connected = "<serial type='unix'><source mode='connect' path='/run/s'/></serial>";
    await assert.rejects(openedWith(serial(connected)), failsWith('console-missing'));
  });
});
