import assert from 'node:assert/strict';
import fc from 'fast-check';
import { FONTS, renderer } from '#central/pictures/render.ts';
import { PIXELS_MAX, SIDE_MAX, scaleFor } from '#central/pictures/scale.ts';

const SVG_NS = 'http://www.w3.org/2000/svg';
const svg = (width: number, height: number, inside = ''): string =>
  `<svg width="${width}" height="${height}" xmlns="${SVG_NS}">${inside}</svg>`;

describe('pictures drawn', function () {
  this.timeout(60_000);
  const warned: string[] = [];
  const log = { warn: (_: object, text: string) => void warned.push(text) };
  const render = renderer(FONTS, log);
  const sizeOf = (png: Uint8Array) => {
    const bytes = Buffer.from(png);
    return [bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
  };

  it('are PNGs of twice the size', async () => {
    assert.deepEqual(sizeOf(await render(svg(60, 30))), [120, 60]);
  });

  it('hold the words, in the weight that is said', async () => {
    const text = (more: string) => svg(60, 30, `<text x="5" y="20" font-family="DejaVu Sans" ${more}>Skerry</text>`);
    const drawn = [svg(60, 30), text(''), text('font-weight="bold"')];
    const different = new Set<string>();
    for (const each of drawn) different.add(Buffer.from(await render(each)).toString('base64'));
    assert.equal(different.size, drawn.length);
  });

  it('are refused where they cannot be drawn, and the next one is drawn', async () => {
    const all = [svg(60_000, 60_000), '<svg ', svg(10, 10)].map((each) => render(each));
    const [large, broken, fine] = await Promise.allSettled(all);
    assert.match(String((large as PromiseRejectedResult).reason), /at 60000 × 60000 it is too large to be read/);
    assert.match(String((broken as PromiseRejectedResult).reason), /The picture cannot be sent: it cannot be drawn: ./);
    assert.equal(fine?.status, 'fulfilled');
  });

  it('are refused where too many wait already', async () => {
    const all = Array.from({ length: 10 }, () => render(svg(5, 5)));
    const ends = await Promise.allSettled(all);
    const refused = ends.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
    assert.ok(refused.length > 0 && refused.length < all.length);
    for (const { reason } of refused) assert.match(String(reason), /others wait for theirs/);
  });

  it('are refused without a font, which the log tells once', async () => {
    const fontless = renderer(['/nowhere/font.ttf'], log);
    for (const _ of [1, 2])
      await assert.rejects(fontless(svg(5, 5)), { code: 'picture-not-sent', message: /no font \/nowhere\/font\.ttf/ });
    assert.deepEqual(warned, ['pictures are told as text: install fonts-dejavu-core']);
  });

  it('have no more pixels than the bounds, whatever their size', () => {
    const side = fc.double({ min: 1, max: 100_000, noNaN: true });
    fc.assert(
      fc.property(side, side, (width, height) => {
        const scale = scaleFor(width, height);
        if (scale === undefined) return Math.max(width, height) > SIDE_MAX || width * height > PIXELS_MAX;
        const most = 1 + 1e-9;
        return (
          scale <= 2 &&
          width * scale * height * scale <= PIXELS_MAX * most &&
          Math.max(width, height) * scale <= SIDE_MAX * most
        );
      }),
    );
  });
});
