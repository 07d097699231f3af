import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { HypervisorDriver } from '#agent/drivers/driver.ts';
import { zonesDriver } from '#agent/drivers/zones/driver.ts';
import { definitionOf } from '#agent/drivers/zones/short-form.ts';
import type { Run } from '#agent/exec/run.ts';
import type { NetworkDriver } from '#agent/networks/driver.ts';
import { illumosNetworks } from '#agent/networks/illumos/driver.ts';
import { GuestForm, GuestRecipe } from '#shared/model/guest.ts';
import { HostRouter } from '#shared/model/network.ts';
import { NicWanted } from '#shared/model/nic.ts';
import { illumosScene, zloginToShell } from './illumos-scene.ts';
import { network } from './network-driver-contract.ts';

// What is recorded is compared with what is run. To record anew: SKERRY_RECORD=1 npx mocha test/contract/zones-transcripts.test.ts

const FOLDER = fileURLToPath(new URL('../fixtures/zones/transcripts/', import.meta.url));
const signal = () => AbortSignal.timeout(30_000);
const work = () => ({ signal: signal(), progress: () => {} });

interface Hosted {
  driver: HypervisorDriver;
  networks: NetworkDriver;
  place(name: string): string;
}
type Act = (host: Hosted) => Promise<unknown>;

const recipe = (more: object): GuestRecipe =>
  GuestRecipe.parse({ name: 'web1', image: 'sparse', vcpus: 2, memoryMiB: 512, nics: [], ...more });
const create =
  (more: object): Act =>
  ({ driver }) =>
    driver.createGuest!(recipe(more), work());
const LAN = network('lan', { kind: 'nat' });
const WAN = network('wan', { kind: 'outside', link: 'net0', mtu: 1500 });
const makeLan: Act = ({ networks }) => networks.makeNetworks([LAN], [], signal());
const OWN = ['bridge=sk-lan,mac=52:54:00:63:00:0c,ip=10.1.2.3/24,gateway=10.1.2.1,mtu=1450'];
const NIC = NicWanted.parse({ mac: '52:54:00:63:00:0d', bridge: 'sk-lan', link: 'sk52540063000d', mtu: 1450 });
const ROUTER = HostRouter.parse({
  name: 'r1',
  outside: { network: 'wan', mac: '52:54:00:00:01:01', addresses: ['192.0.2.20/24'], gateways: ['192.0.2.1'] },
  legs: [{ network: 'lan', mac: '52:54:00:00:01:02', addresses: ['10.1.2.1/24'] }],
  ...{ nat: ['lan'], routed: [], dns: ['192.0.2.53'], hosts: [], domains: {} },
});
const router: Act = ({ networks }) => networks.makeRouter(ROUTER, [LAN, WAN], signal());
const idOf = async ({ driver }: Hosted) => (await driver.listGuests(signal()))[0]!.id;
const on =
  (act: (driver: HypervisorDriver, id: string) => Promise<unknown>): Act =>
  async (host) =>
    act(host.driver, await idOf(host));
const start = on((driver, id) => driver.startGuest(id, { paused: false }, signal()));
const whole: Act[] = [makeLan, create({ nics: OWN })];
const running: Act[] = [...whole, start];

/** What is done before, and what is recorded. */
const RECORDED: Record<string, { before: Act[]; act: Act }> = {
  'network-make': { before: [], act: makeLan },
  'network-remove': { before: [makeLan], act: ({ networks }) => networks.removeNetworks(['lan'], signal()) },
  'router-make': { before: [makeLan], act: router },
  'router-remove': { before: [makeLan, router], act: ({ networks }) => networks.removeRouter('r1', signal()) },
  'create-sparse': { before: [makeLan], act: create({ nics: OWN }) },
  'create-shared': { before: [makeLan], act: create({ nics: ['shared=sk-lan,ip=10.1.2.9/24'] }) },
  'create-lx': { before: [makeLan], act: create({ image: 'debian.tar.gz', options: { brand: 'lx' }, nics: OWN }) },
  'create-bhyve': {
    before: [makeLan],
    act: create({
      image: 'bhyve',
      nics: OWN,
      options: { disk: 'rpool/web1_disk0,32G', sshkey: 'ssh-ed25519 AAAA me', resolvers: '192.0.2.53' },
    }),
  },
  list: { before: whole, act: ({ driver }) => driver.listGuests(signal()) },
  start: { before: whole, act: start },
  shutdown: { before: running, act: on((driver, id) => driver.shutdownGuest(id, { again: 1 }, signal())) },
  reboot: { before: running, act: on((driver, id) => driver.rebootGuest(id, signal())) },
  poweroff: { before: running, act: on((driver, id) => driver.poweroffGuest(id, signal())) },
  autostart: { before: whole, act: on((driver, id) => driver.setAutostart(id, true, signal())) },
  'set-off': { before: whole, act: on((driver, id) => driver.setGuest(id, { vcpus: 3, title: 'shop' }, signal())) },
  'set-running': {
    before: running,
    act: on((driver, id) => driver.setGuest(id, { vcpus: 3, memoryMiB: 1024 }, signal())),
  },
  stats: { before: running, act: on((driver, id) => driver.readStats(id, signal())) },
  'nic-attach': { before: whole, act: on((driver, id) => driver.attachNic(id, NIC, signal())) },
  'nic-detach': { before: whole, act: on((driver, id) => driver.detachNic(id, '52:54:00:63:00:0c', signal())) },
  exec: {
    before: running,
    act: on((driver, id) =>
      driver.runProgram!(id, { command: ['echo', "it's"], limitMs: 9_000, bytesMax: 99 }, signal()),
    ),
  },
  clone: { before: whole, act: on((driver, id) => driver.cloneGuest!(id, { name: 'web2', linked: true }, work())) },
  replace: {
    before: whole,
    act: ({ driver, place }) =>
      driver.defineGuest(
        definitionOf(GuestForm.parse({ name: 'web1', memoryMiB: 256 }), {
          zonesFolder: place('zones'),
          packageCache: place('cache'),
        }),
        { replace: true },
        signal(),
      ),
  },
  delete: { before: whole, act: on((driver, id) => driver.deleteGuest(id, signal())) },
};

describe('zones: the exact commands of each verb', () => {
  for (const [name, { before, act }] of Object.entries(RECORDED))
    it(`of ${name} are as recorded`, async () => {
      const lines = await transcriptOf(before, act);
      const file = join(FOLDER, `${name}.txt`);
      if (process.env.SKERRY_RECORD) {
        mkdirSync(FOLDER, { recursive: true });
        writeFileSync(file, lines);
      }
      assert.equal(lines, readFileSync(file, 'utf8'));
    });
});

async function transcriptOf(before: readonly Act[], act: Act): Promise<string> {
  const lines: string[] = [];
  const recorded =
    (run: Run): Run =>
    async (command, limit) => {
      lines.push([command.file, ...command.args].map(wordOf).join(' '));
      const file = command.file === 'zonecfg' && command.args[2] === '-f' ? command.args[3] : undefined;
      if (file) for (const line of readFileSync(file, 'utf8').trimEnd().split('\n')) lines.push(`    ${line}`);
      return run(command, limit);
    };
  const scene = illumosScene({}, recorded);
  const images = join(scene.folder, 'images');
  await mkdir(images);
  await writeFile(join(images, 'debian.tar.gz'), Buffer.from([0x1f, 0x8b, 8, 0]));
  const shell = zloginToShell(scene);
  const driver = zonesDriver({
    ...{ ...scene.options, images },
    runToEnd: (command, ...rest) => {
      lines.push([command.file, ...command.args].map(wordOf).join(' '));
      return shell(command, ...rest);
    },
  });
  const networks = illumosNetworks(scene.options);
  try {
    const host = { driver, networks, place: (part: string) => join(scene.folder, part) };
    for (const each of before) await each(host);
    lines.length = 0;
    await act(host);
    const text = lines.map((line) => `${line}\n`).join('');
    return [
      [join(scene.folder, 'zones'), '/export/zones'],
      [join(scene.folder, 'cache'), '/var/zap/cache'],
      [join(scene.folder, 'images'), '/images'],
      [join(scene.folder, 'state'), '/var/lib/skerry'],
    ].reduce((all, [from = '', to = '']) => all.replaceAll(from, to), text);
  } finally {
    await driver.close();
    await networks.close();
    scene.close();
  }
}

const wordOf = (word: string): string => (/^[A-Za-z0-9_./:@%+,=-]+$/.test(word) ? word : JSON.stringify(word));
