import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { zonesDriver } from '#agent/drivers/zones/driver.ts';
import { definitionOf } from '#agent/drivers/zones/short-form.ts';
import { parseZones } from '#agent/drivers/zones/zone-list.ts';
import { GuestForm } from '#shared/model/guest.ts';
import { driverContract } from './driver-contract.ts';
import type { DriverHarness } from './driver-harness.ts';
import { consoleOf, illumosScene, zloginToShell } from './illumos-scene.ts';

// No zone is booted here: the commands of illumos are the model in test/illumos, which is written from the manual.
driverContract('zones on modelled commands', async (): Promise<DriverHarness> => {
  const scene = illumosScene();
  const images = join(scene.folder, 'images');
  await mkdir(images);
  await writeFile(join(images, 'debian.tar.gz'), Buffer.from([0x1f, 0x8b, 8, 0]));
  await mkdir(join(images, 'a-folder'));
  for (const network of ['lan', 'dmz']) await scene.type('dladm', 'create-etherstub', `sk_${network}_0`);
  const driver = zonesDriver({ ...scene.options, images, runToEnd: zloginToShell(scene), terminal: consoleOf(scene) });
  const nameOf = async (id: string) => {
    const { stdout } = await scene.type('zoneadm', 'list', '-c', '-n', '-p');
    return parseZones(stdout).zones.find((zone) => zone.id === id)?.name ?? '';
  };
  const behind = async (id: string, ...commands: string[][]) => {
    const name = await nameOf(id);
    for (const [file = '', ...words] of commands) await scene.type(file, '-z', name, ...words);
  };
  return {
    driver,
    definition: ({ name, ...wanted }) =>
      definitionOf({ ...GuestForm.parse({ name: 'any', ...wanted }), name }, scene.places),
    names: 'plain',
    nicModel: 'vnic',
    behind: {
      start: (id) => behind(id, ['zoneadm', 'boot']),
      poweroff: (id) => behind(id, ['zoneadm', 'halt']),
      delete: (id) => behind(id, ['zoneadm', 'uninstall', '-F'], ['zonecfg', 'delete', '-F']),
    },
    bootMsMax: 200,
    console: { up: 'console login: ', type: 'root\r', shows: 'no such user: root' },
    hasGuestAgent: false,
    takesParameters: false,
    runsPrograms: true,
    clones: 'linked',
    snapshots: 'none',
    images: [{ name: 'sparse' }, { name: 'whole' }, { name: 'debian.tar.gz', options: { brand: 'lx' } }],
    imagesUnfit: ['a-folder'],
    leftovers: async () => [],
    close: async () => {
      await driver.close();
      scene.close();
    },
  };
});
