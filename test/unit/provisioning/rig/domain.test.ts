import assert from 'node:assert/strict';
import { domainXml } from '#provisioning/rig/domain.ts';
import { HOSTS } from '#provisioning/rig/plan.ts';

const [venti] = HOSTS[0]?.guests ?? [];
assert.ok(venti);
const IMAGE = { kernel: '/a & b/vmlinux', initrd: '/a & b/initrd', packages: [] };

describe('domainXml', () => {
  it('writes what it is given as text, not as markup', () => {
    assert.match(domainXml(venti, IMAGE, '/log', false), /<kernel>\/a &amp; b\/vmlinux<\/kernel>/);
  });

  it('gives a guest the same definition each time, and another to each guest', () => {
    assert.equal(domainXml(venti, IMAGE, '/log', false), domainXml(venti, IMAGE, '/log', false));
    const uuids = HOSTS.flatMap(({ guests }) => guests).map(
      (guest) => /<uuid>(.*)<\/uuid>/.exec(domainXml(guest, IMAGE, '/log', false))?.[1],
    );
    assert.equal(new Set(uuids).size, 4);
    for (const uuid of uuids)
      assert.match(uuid ?? '', /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('asks for KVM only where it works', () => {
    assert.match(domainXml(venti, IMAGE, '/log', true), /<domain type="kvm">.*host-passthrough/);
    assert.match(domainXml(venti, IMAGE, '/log', false), /<domain type="qemu">.*qemu64/);
  });
});
