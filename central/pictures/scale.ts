/** Of a telephone and of a screen alike: more pixels than an SVG says, so that small words are sharp. */
const SCALE = 2;
/** Below it, the words of a picture cannot be read. */
const SCALE_MIN = 0.5;
/** 64 MiB in memory, four bytes each. */
export const PIXELS_MAX = 16_777_216;
/** What browsers and telephones still show. */
export const SIDE_MAX = 16_384;

/** How much larger than its SVG says a picture is drawn. @returns undefined where it is too large to be read */
export function scaleFor(width: number, height: number): number | undefined {
  const scale = Math.min(SCALE, SIDE_MAX / Math.max(width, height), Math.sqrt(PIXELS_MAX / (width * height)));
  return scale >= SCALE_MIN ? scale : undefined;
}
