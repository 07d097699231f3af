import { append, type Document, el, elementAt, rootOf, type Sketch } from './xml.ts';

/** A share of time, by the kernel's usual period: 2 vCPUs are 200 ms in each 100 ms. Units: µs. */
const PERIOD_US = 100_000;

/** What limits a guest without vCPUs of its own to the time of so many. Source: https://libvirt.org/formatdomain.html, CPU Tuning */
export const quotaOf = (vcpus: number): Sketch =>
  el('cputune', {}, el('period', {}, String(PERIOD_US)), el('quota', {}, String(vcpus * PERIOD_US)));

/** Limit it so, whatever it was limited to. */
export function limitTo(document: Document, vcpus: number): void {
  const root = rootOf(document);
  const tune = elementAt(root, 'cputune') ?? append(root, el('cputune'));
  for (const { name, content } of quotaOf(vcpus).content.filter((part) => typeof part !== 'string'))
    (elementAt(tune, name) ?? append(tune, el(name))).textContent = content.join('');
}
