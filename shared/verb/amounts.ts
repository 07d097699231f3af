/** Amounts as people read them; programs get the number. */

const BYTE_UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** `1536` as `1.5 KiB`. */
export function bytesText(bytes: number): string {
  let unit = 0;
  let amount = bytes;
  while (amount >= 1024 && unit < BYTE_UNITS.length - 1) {
    amount /= 1024;
    unit++;
  }
  return `${numberText(unit === 0 ? amount : Math.round(amount * 10) / 10)} ${BYTE_UNITS[unit]}`;
}

const PARTS = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
  ['s', 1],
] as const;

/** `93784` as `1 d 2 h`: its two largest parts. Below two minutes, in seconds. */
export function secondsText(seconds: number): string {
  if (seconds < 120) return `${numberText(seconds)} s`;
  let left = Math.floor(seconds);
  const parts = PARTS.map(([unit, size]) => {
    const count = Math.floor(left / size);
    left -= count * size;
    return { count, unit };
  });
  const first = parts.findIndex(({ count }) => count > 0);
  return parts
    .slice(first, first + 2)
    .filter(({ count }) => count > 0)
    .map(({ count, unit }) => `${count} ${unit}`)
    .join(' ');
}

/** At most two places behind the point. */
export const numberText = (value: number): string => String(Math.round(value * 100) / 100);
