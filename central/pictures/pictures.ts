import { readFile } from 'node:fs/promises';
import type { CentralConfig } from '#central/config.ts';
import { Failure, messageOf } from '#shared/errors.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import type { Publish } from '#shared/xmpp/picture.ts';
import { requestSlot } from '#shared/xmpp/upload.ts';
import { put } from './put.ts';
import type { Render } from './render.ts';

const BYTES_MAX = 8_388_608;
const PUT_MS_MAX = 20_000;

export interface PictureDeps {
  entity: Pick<Entity, 'request' | 'bareJid'>;
  render: Render;
  upload: NonNullable<CentralConfig['upload']>;
}

/** Pictures on the site's upload service. Whoever knows a URL sees the picture, until the service forgets it. */
export function pictures({ entity, render, upload: { service, ca } }: PictureDeps): Publish {
  return async (svg) => {
    const png = await render(svg);
    if (png.length > BYTES_MAX) throw new Failure('picture-not-sent', { problem: `it has ${png.length} bytes` });
    const type = 'image/png';
    const slot = await orNotSent('', () =>
      requestSlot(entity, service, { name: 'picture.png', size: png.length, type }),
    );
    await orNotSent(`${new URL(slot.put).host}: `, async () =>
      put(slot.put, png, {
        headers: { ...slot.headers, 'content-type': type },
        ...(ca === undefined ? {} : { ca: await readFile(ca, 'utf8') }),
        signal: AbortSignal.timeout(PUT_MS_MAX),
      }),
    );
    return slot.get;
  };
}

async function orNotSent<T>(where: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    throw new Failure('picture-not-sent', { problem: where + messageOf(error) }, { cause: error });
  }
}
