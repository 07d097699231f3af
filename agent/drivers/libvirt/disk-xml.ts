import { append, childrenOf, type Document, type Element, el, elementAt, parseXml, rootOf } from './xml.ts';

/** A disk as XML has it. */
export interface XmlDisk {
  /** As the guest has it: `vda`. */
  device: string;
  /** `disk`, `cdrom`, `floppy`, `lun`. */
  kind: string;
  /** Path of its file; undefined where it is something else than a file. */
  file: string | undefined;
  format: string;
  readOnly: boolean;
}

export const disksIn = (xml: string): XmlDisk[] => disksOf(parseXml(xml, 'domain')).map(diskOf);

/** Whether the guest keeps something on it. */
export const isWritten = ({ kind, readOnly }: XmlDisk): boolean => kind === 'disk' && !readOnly;

/** Put each disk that is named on the file of that path, in that format. */
export function putOnFiles(document: Document, files: ReadonlyMap<string, { file: string; format: string }>): void {
  for (const element of disksOf(document)) {
    const to = files.get(diskOf(element).device);
    if (!to) continue;
    elementAt(element, 'source')?.setAttribute('file', to.file);
    // A definition without it means raw.
    const driver = elementAt(element, 'driver') ?? append(element, el('driver', { name: 'qemu' }));
    driver.setAttribute('type', to.format);
    // What libvirt found below the old file is not below the new one.
    for (const chain of childrenOf(element, 'backingStore')) element.removeChild(chain);
  }
}

function disksOf(document: Document): Element[] {
  const devices = elementAt(rootOf(document), 'devices');
  return devices ? childrenOf(devices, 'disk') : [];
}

const diskOf = (element: Element): XmlDisk => ({
  device: elementAt(element, 'target')?.getAttribute('dev') ?? '',
  kind: element.getAttribute('device') ?? 'disk',
  file: elementAt(element, 'source')?.getAttribute('file') || undefined,
  format: elementAt(element, 'driver')?.getAttribute('type') || 'raw',
  readOnly: elementAt(element, 'readonly') !== undefined,
});
