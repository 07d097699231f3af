/** Every figure beside its floor or its peer, measured in the same run: `npm run bench`. */
import { answerBare, bareIq, longList, roundTrip, throughput } from './answering.ts';
import { benchChains } from './chains/main.ts';
import { type Figure, tableOf } from './figures.ts';
import { benchFleet, sizeOf } from './fleet/main.ts';
import { benchNetworks } from './networks/main.ts';
import { onRealGuests } from './real.ts';
import { benchSite } from './site.ts';
import { benchZones } from './zones/main.ts';

if (process.argv.includes('--fleet')) {
  await benchFleet(sizeOf(process.argv.slice(2)));
  process.exit(0);
}

const isQuick = process.argv.includes('--quick');
if (process.argv.includes('--chains')) {
  benchChains(isQuick);
  process.exit(0);
}
if (process.argv.includes('--networks')) {
  await benchNetworks(isQuick);
  process.exit(0);
}
// Zones need root and what the rig needs.
if (process.argv.includes('--zones')) {
  await benchZones(isQuick);
  process.exit(0);
}
const rounds = isQuick ? 300 : 3_000;

const figures: Figure[] = [];
const empty = await benchSite(0);
const idleMiB = await empty.agentMemoryMiB();
await empty.stop();

const site = await benchSite(1_000);
try {
  answerBare(site.peer);
  const peerJid = site.peer.fullJid ?? '';
  await bareIq(site.asker, peerJid, 0);
  figures.push(...(await roundTrip(site.asker, site.agentJid, peerJid, rounds)));
  figures.push(...(await longList(site.asker, site.agentJid, peerJid, Math.ceil(rounds / 30))));
  figures.push(...(await throughput(site.asker, site.agentJid, peerJid, rounds * 3)));
  figures.push({ name: "agent's memory, idle, no guests", value: `${idleMiB} MiB` });
  figures.push({ name: "agent's memory, 1,000 guests, after this", value: `${await site.agentMemoryMiB()} MiB` });
} finally {
  await site.stop();
}
// Real guests need root and what the rig needs: asked for by --real.
if (process.argv.includes('--real')) figures.push(...(await onRealGuests(isQuick ? 5 : 20)));
console.log(tableOf(figures));
process.exit(0);
