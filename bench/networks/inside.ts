/** The part of the bench that measures, where it can do no harm: see main.ts. Prints figures as JSON. */
import { mkdir } from 'node:fs/promises';
import type { Figure } from '../figures.ts';
import { benchRouter, makeOutside } from './router.ts';
import { benchSegments } from './segments.ts';
import { benchTraffic } from './traffic.ts';

const isQuick = process.argv.includes('--quick');
await mkdir('/run/bench', { recursive: true });
const figures: Figure[] = [...(await benchSegments(isQuick ? 1 : 3))];
await makeOutside();
figures.push(...(await benchRouter(isQuick ? 1 : 5)));
figures.push(...(await benchTraffic(isQuick ? 1 : 3)));
console.log(JSON.stringify(figures));
process.exit(0);
