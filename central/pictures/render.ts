import { access } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import { Failure, messageOf } from '#shared/errors.ts';
import { oneLine } from '#shared/turns.ts';
import type { Rendered, RenderJob } from './render-worker.ts';

/** Of Debian's package fonts-dejavu-core. */
const FOLDER = '/usr/share/fonts/truetype/dejavu';
export const FONTS: readonly string[] = [`${FOLDER}/DejaVuSans.ttf`, `${FOLDER}/DejaVuSans-Bold.ttf`];

const WORKER = new URL('./render-worker.ts', import.meta.url);
const RENDER_MS_MAX = 20_000;
const WAITING_MAX = 8;

/** An SVG of ours as PNG. @throws Failure picture-not-sent */
export type Render = (svg: string) => Promise<Uint8Array>;

/** Draws one picture at a time, each in a thread of its own, so that neither the others nor central wait for a large one. */
export function renderer(
  fonts: readonly string[],
  log: Record<'warn', (fields: object, text: string) => void>,
): Render {
  const inTurn = oneLine();
  let waiting = 0;
  let isTold = false;

  const needFonts = async (): Promise<void> => {
    for (const font of fonts) {
      const isThere = await access(font).then(
        () => true,
        () => false,
      );
      if (isThere) continue;
      if (!isTold) log.warn({ font }, 'pictures are told as text: install fonts-dejavu-core');
      isTold = true;
      throw new Failure('picture-not-sent', { problem: `central has no font ${font}` });
    }
  };

  return async (svg) => {
    await needFonts();
    if (waiting >= WAITING_MAX) throw new Failure('picture-not-sent', { problem: 'others wait for theirs' });
    waiting += 1;
    try {
      return await inTurn(() => draw({ svg, fonts }));
    } finally {
      waiting -= 1;
    }
  };
}

async function draw(job: RenderJob): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Rendered>();
  const failed = (problem: string) => reject(new Failure('picture-not-sent', { problem }));
  const worker = new Worker(WORKER, { workerData: job, execArgv: [] });
  const timer = setTimeout(() => failed(`it takes longer than ${RENDER_MS_MAX / 1000} s to draw`), RENDER_MS_MAX);
  worker.once('message', resolve);
  worker.once('error', (error) => failed(`it cannot be drawn: ${messageOf(error)}`));
  worker.once('exit', () => failed('it was not drawn'));
  try {
    const rendered = await promise;
    if ('png' in rendered) return rendered.png;
    throw new Failure('picture-not-sent', { problem: rendered.problem });
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}
