import assert from 'node:assert/strict';
import { loadOrder } from '#provisioning/guest/modules.ts';
import { Failure } from '#shared/errors.ts';

const DEP = [
  'kernel/drivers/net/virtio_net.ko: kernel/drivers/net/net_failover.ko kernel/net/core/failover.ko',
  'kernel/drivers/net/net_failover.ko: kernel/net/core/failover.ko',
  'kernel/net/core/failover.ko:',
  'kernel/drivers/char/hw_random/virtio-rng.ko: kernel/drivers/char/hw_random/rng-core.ko',
  'kernel/drivers/char/hw_random/rng-core.ko:',
].join('\n');

describe('loadOrder', () => {
  it('puts what a module needs before it, each once', () => {
    assert.deepEqual(loadOrder(DEP, '', ['virtio_net', 'net_failover']), [
      'kernel/net/core/failover.ko',
      'kernel/drivers/net/net_failover.ko',
      'kernel/drivers/net/virtio_net.ko',
    ]);
  });

  it('takes - and _ in names for the same', () => {
    assert.equal(loadOrder(DEP, '', ['virtio_rng']).at(-1), 'kernel/drivers/char/hw_random/virtio-rng.ko');
  });

  it('leaves out what the kernel has in it', () => {
    assert.deepEqual(loadOrder(DEP, 'kernel/drivers/virtio/virtio_pci.ko\n', ['virtio_pci']), []);
  });

  it('names a module that the kernel has neither way', () => {
    assert.throws(
      () => loadOrder(DEP, '', ['virtio_fs']),
      (error) => error instanceof Failure && error.code === 'setup-needed' && /no module virtio_fs/.test(error.message),
    );
  });
});
