import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import { definitionOfForm } from '#agent/drivers/libvirt/short-form.ts';
import { hypervisorOf } from '#agent/drivers/libvirt/uri.ts';
import { GuestForm } from '#shared/model/guest.ts';
import { type LibvirtDaemon, startLibvirtDaemon } from './libvirt-daemon.ts';

const NIC = 'bridge=br0,mac=52:54:00:00:00:01,target=sk525400000001,mtu=1450';
const FORMS: Readonly<Record<string, object[]>> = {
  qemu: [{ disks: ['/srv/a.qcow2', '/dev/sdz,bus=scsi,readonly'], nics: [NIC, 'network=default'], kernel: '/boot/k' }],
  lxc: [{ disks: ['/srv/web', '/srv/data,target=/data,readonly'], nics: [NIC, 'network=default'] }],
  xen: [
    { disks: ['/srv/root.img,readonly', '/srv/a.qcow2'], nics: [NIC, 'network=default,model=e1000'] },
    { disks: ['/dev/vg/root'], kernel: '/boot/k', ramdisk: '/boot/r', cmdline: 'root=xbd0', title: 'one & only' },
  ],
};

describe('definitions from the short form, by the schemas of libvirt', function () {
  this.timeout(60_000);
  let daemon: LibvirtDaemon;
  let folder = '';

  before(async () => {
    daemon = await startLibvirtDaemon();
    folder = await mkdtemp(join(tmpdir(), 'skerry-schemas-'));
  });
  after(async () => {
    await daemon.close();
    await rm(folder, { recursive: true });
  });

  /** What its test driver says, which takes those of any hypervisor: nothing where all is well. */
  async function saidOf(text: string): Promise<string> {
    const file = join(folder, 'domain.xml');
    await writeFile(file, text);
    return daemon.virsh('test', 'define', '--validate', file).catch((error: Error) => error.message);
  }
  const definition = (kind: string, form: object): string =>
    definitionOfForm(GuestForm.parse({ name: 'web1', ...form }), {
      ...{ hypervisor: hypervisorOf(`${kind}:///system`), domainTypes: new Set(['qemu']) },
      ...{ consoleFolder: '/var/log/consoles', diskFolder: '/srv' },
    });

  for (const [kind, forms] of Object.entries(FORMS))
    it(`are well-formed for ${kind}`, async () => {
      for (const [index, form] of forms.entries())
        assert.equal((await saidOf(definition(kind, { name: `${kind}-${index}`, ...form }))).trim(), '');
    });

  it('would not be, with an element in the wrong place', async () => {
    const text = definition('xen', {}).replace('<devices>', '<devices><privnet/>');
    assert.match(await saidOf(text), /failed to validate against schema/);
  });
});
