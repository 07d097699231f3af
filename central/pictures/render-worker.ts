/** A thread for one picture: SVG to PNG. It holds no other, and whatever becomes of it ends with it. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';
import { initWasm, Resvg } from '@resvg/resvg-wasm';
import { scaleFor } from './scale.ts';

export interface RenderJob {
  svg: string;
  /** Files. */
  fonts: readonly string[];
}
export type Rendered = { png: Uint8Array } | { problem: string };

const { svg, fonts } = workerData as RenderJob;

async function rendered(): Promise<Rendered> {
  await initWasm(await readFile(fileURLToPath(import.meta.resolve('@resvg/resvg-wasm/index_bg.wasm'))));
  const fontBuffers = await Promise.all(fonts.map((file) => readFile(file)));
  const font = { fontBuffers, defaultFontFamily: 'DejaVu Sans' };
  const { width, height } = new Resvg(svg);
  const scale = scaleFor(width, height);
  if (scale === undefined)
    return { problem: `at ${Math.ceil(width)} × ${Math.ceil(height)} it is too large to be read` };
  const image = new Resvg(svg, { font, fitTo: { mode: 'zoom', value: scale } }).render();
  return { png: image.asPng() };
}

parentPort?.postMessage(await rendered());
