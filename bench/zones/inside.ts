/**
 * Runs inside a host of the rig: the list of 500 zones against lxc-ls, and the start of a zone by the driver against lxc-start.
 * Prints the times as JSON.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { lxcDriver } from '#agent/drivers/lxc/driver.ts';
import { run } from '#agent/exec/run.ts';
import { inTurn } from '../figures.ts';

const [zone = '', rounds = '20'] = process.argv.slice(2);
const FOLDER = '/run/bench-zones';
const COUNT = 500;
const SILENT = { debug: () => {}, info: () => {}, warn: () => {} };
const signal = (): AbortSignal => AbortSignal.timeout(60_000);
const byHand = (file: string, ...args: string[]): Promise<string> => run({ file, args, timeoutMs: 60_000 }, signal());

const many = await lxcDriver({ run, log: SILENT, host: 'bench', folder: FOLDER, logFolder: '/run/bench-log' });
await mkdir(FOLDER, { recursive: true });
for (let n = 0; n < COUNT; n++) {
  await mkdir(join(FOLDER, `zone-${n}`));
  const config = `lxc.uts.name = zone-${n}\nlxc.rootfs.path = dir:/srv/zone\nskerry.title = Zone ${n}\n`;
  await writeFile(join(FOLDER, `zone-${n}`, 'config'), config);
}
const list = await inTurn(Number(rounds), {
  list: async () => {
    const { length } = await many.listGuests(signal());
    if (length !== COUNT) throw new Error(`${length} zones were listed`);
  },
  hand: async () => void (await byHand('lxc-ls', '-P', FOLDER, '-f')),
});
await rm(FOLDER, { recursive: true });
await many.close();

const driver = await lxcDriver({ run, log: SILENT, host: 'bench' });
const id = (await driver.listGuests(signal())).find(({ name }) => name === zone)?.id ?? '';
const samples: Record<'start' | 'hand', number[]> = { start: [], hand: [] };
const timed = async (which: 'start' | 'hand', start: () => Promise<unknown>): Promise<void> => {
  const begin = performance.now();
  await start();
  samples[which].push(performance.now() - begin);
  await driver.poweroffGuest(id, signal());
};
const starts = {
  start: () => timed('start', () => driver.startGuest(id, { paused: false }, signal())),
  hand: () => timed('hand', () => byHand('lxc-start', '-n', zone)),
};
// Each is as often the first of its round as the other.
for (let round = 0; round < Number(rounds); round++)
  for (const which of round % 2 === 0 ? (['start', 'hand'] as const) : (['hand', 'start'] as const))
    await starts[which]();
await driver.close();
console.log(JSON.stringify({ list, start: samples }));
