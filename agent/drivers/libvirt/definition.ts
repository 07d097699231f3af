import type { GuestChange } from '#agent/drivers/driver.ts';
import { Failure } from '#shared/errors.ts';
import { type GuestFacts, kibToMib } from './guest-facts.ts';
import { childrenOf, type Document, type Element, elementAt, parseXml, rootOf, setChild, xmlText } from './xml.ts';

/** A guest's definition: all of it is kept, whether we know what it means or not. */
export interface Definition {
  readonly name: string;
  readonly uuid: string | undefined;
  /** The same with another UUID. */
  withUuid(uuid: string): Definition;
  /** The same with other settings. */
  with(change: GuestChange): Definition;
  /** The same, changed in any other way. */
  edited(edit: (document: Document) => void): Definition;
  toString(): string;
}

export const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Read a domain definition.
 *
 * Only what has to be known before libvirt sees it is looked at: libvirt says what else is wrong.
 * @throws Failure guest-definition
 * Source: https://libvirt.org/formatdomain.html
 */
export function parseDefinition(text: string): Definition {
  const root = rootOf(parseXml(text, 'domain'));
  const name = elementAt(root, 'name')?.textContent ?? '';
  if (name === '') throw new Failure('guest-definition', { problem: 'it has no <name>' });
  const uuid = elementAt(root, 'uuid')?.textContent?.trim();
  const edited = (edit: (document: Document) => void): Definition => {
    const document = parseXml(text, 'domain');
    edit(document);
    return parseDefinition(xmlText(document));
  };
  return {
    name,
    uuid: uuid ? uuidOf(uuid) : undefined,
    withUuid: (other) =>
      edited((document) => {
        setChild(rootOf(document), 'uuid', other);
      }),
    with: (change) =>
      edited((document) => {
        applyChange(document, change);
      }),
    edited,
    toString: () => text,
  };
}

/** A UUID as libvirt prints it; it takes them with and without hyphens, in both cases. */
function uuidOf(written: string): string {
  const digits = written.toLowerCase().replaceAll('-', '');
  if (!/^[0-9a-f]{32}$/.test(digits)) {
    throw new Failure('guest-definition', { problem: `<uuid> holds "${written}"; a UUID has 32 hexadecimal digits` });
  }
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function applyChange(document: Document, { title, vcpus, memoryMiB }: GuestChange): void {
  const root = rootOf(document);
  if (title !== undefined) setChild(root, 'title', title);
  if (vcpus !== undefined) setVcpus(document, vcpus);
  if (memoryMiB !== undefined) setMemory(document, memoryMiB);
}

/** A maximum above what the guest has was meant, and is kept; else both are the same, as they were. */
function setVcpus(document: Document, vcpus: number): void {
  const root = rootOf(document);
  const element = elementAt(root, 'vcpu') ?? setChild(root, 'vcpu', '1');
  if (!element) return;
  const max = Number(element.textContent);
  if (element.hasAttribute('current') && vcpus < max) {
    element.setAttribute('current', String(vcpus));
    return;
  }
  element.removeAttribute('current');
  element.textContent = String(vcpus);
}

/** As for vCPUs. libvirt writes both sizes in KiB into every definition that it gives. */
function setMemory(document: Document, memoryMiB: number): void {
  const root = rootOf(document);
  if (elementAt(root, 'cpu', 'numa')) {
    throw new Failure('guest-definition', { problem: 'its memory is laid out in <numa>; change it there' });
  }
  const kib = memoryMiB * 1024;
  const size = (name: string) => Number(elementAt(root, name)?.textContent ?? 0);
  const roomy = size('currentMemory') > 0 && size('currentMemory') < size('memory');
  const maxKib = roomy ? Math.max(size('memory'), kib) : kib;
  for (const [name, value] of [
    ['currentMemory', kib],
    ['memory', maxKib],
  ] as const) {
    setChild(root, name, String(value))?.setAttribute('unit', 'KiB');
  }
}

/**
 * What a guest is at the moment, as libvirt writes it. Units: KiB, of memory.
 *
 * @throws Failure host-output, also where libvirt writes no XML (9.0 escapes nothing in `<initenv>`)
 */
export function factsIn(xml: string): Pick<GuestFacts, 'name' | 'vcpus' | 'memoryMiB'> {
  const failed = (problem: string, cause?: unknown) => new Failure('host-output', { problem }, { cause });
  let root: Element;
  try {
    root = rootOf(parseXml(xml, 'domain'));
  } catch (error) {
    throw failed('virsh dumpxml printed no XML', error);
  }
  const text = (name: string): string | undefined => elementAt(root, name)?.textContent ?? undefined;
  const vcpu = elementAt(root, 'vcpu');
  const [vcpus, kib] = [vcpu?.getAttribute('current') || vcpu?.textContent, text('currentMemory') ?? text('memory')];
  const name = text('name');
  if (name === undefined || !vcpus || kib === undefined) throw failed('virsh dumpxml printed no name, vCPUs or memory');
  return { name, vcpus: Number(vcpus), memoryMiB: kibToMib(Number(kib)) };
}

/** The guest's agent channel: none, or whether the agent in the guest is there. */
export function agentState(xml: string): 'none' | 'connected' | 'disconnected' {
  const devices = elementAt(rootOf(parseXml(xml, 'domain')), 'devices');
  const targets = devices ? childrenOf(devices, 'channel').flatMap((channel) => childrenOf(channel, 'target')) : [];
  const agent = targets.find((target) => target.getAttribute('name') === 'org.qemu.guest_agent.0');
  if (!agent) return 'none';
  return agent.getAttribute('state') === 'connected' ? 'connected' : 'disconnected';
}
