import type { NicFacts } from '#agent/drivers/nic-lists.ts';
import type { Mac } from '#shared/model/address.ts';
import type { NicWanted } from '#shared/model/nic.ts';
import { append, childrenOf, type Document, type Element, el, elementAt, rootOf, type Sketch } from './xml.ts';

/** An interface as XML has it. */
export interface XmlNic extends NicFacts {
  /** What kind of switch its bridge is, where that is not the kernel's. */
  virtualport?: string;
}

/** Which attribute of `<source>` says what an interface of that type hangs on. */
const SOURCE_OF: Readonly<Record<string, string>> = { bridge: 'bridge', network: 'network', direct: 'dev' };

/** The interfaces of a domain, in its order. */
export const nicsIn = (document: Document): XmlNic[] => interfacesOf(document).map(nicOf);

/** The element of that MAC, to be shown to libvirt again. */
export const interfaceIn = (document: Document, mac: Mac): Element | undefined =>
  interfacesOf(document).find((element) => macOf(element) === mac);

function interfacesOf(document: Document): Element[] {
  const devices = elementAt(rootOf(document), 'devices');
  return devices ? childrenOf(devices, 'interface') : [];
}

const attributeOf = (element: Element, path: string, attribute: string): string | undefined =>
  elementAt(element, path)?.getAttribute(attribute) || undefined;
const macOf = (element: Element): string => (attributeOf(element, 'mac', 'address') ?? '').toLowerCase();

function nicOf(element: Element): XmlNic {
  const kind = element.getAttribute('type') ?? '';
  const source = attributeOf(element, 'source', SOURCE_OF[kind] ?? 'name');
  const link = attributeOf(element, 'target', 'dev');
  const model = attributeOf(element, 'model', 'type');
  const mtu = attributeOf(element, 'mtu', 'size');
  const virtualport = attributeOf(element, 'virtualport', 'type');
  return {
    mac: macOf(element),
    kind,
    ...(source === undefined ? {} : { source }),
    ...(link === undefined ? {} : { link }),
    ...(model === undefined ? {} : { model }),
    ...(mtu === undefined ? {} : { mtu: Number(mtu) }),
    ...(virtualport === undefined ? {} : { virtualport }),
  };
}

/** Whether an interface is as it shall be; its model is left to whoever made it. */
export const isAsWanted = (nic: XmlNic, wanted: NicWanted): boolean =>
  isOnBridge(nic, wanted) && nic.link === wanted.link && nic.mtu === wanted.mtu;
export const isOnBridge = (nic: XmlNic, { bridge, datapath }: Pick<NicWanted, 'bridge' | 'datapath'>): boolean =>
  nic.kind === 'bridge' && nic.source === bridge && (nic.virtualport === OPENVSWITCH) === (datapath !== undefined);

const OPENVSWITCH = 'openvswitch';
/** A switch in user space takes packets as they are: the guest has to cut them, and to sum them up, itself. */
const WHOLE = { csum: 'off', gso: 'off', tso4: 'off', tso6: 'off', ecn: 'off', ufo: 'off' };
const switchSketches = ({ datapath }: Pick<NicWanted, 'datapath'>): Sketch[] => [
  ...(datapath === undefined ? [] : [el('virtualport', { type: OPENVSWITCH })]),
  ...(datapath === 'netdev' ? [el('driver', {}, el('host', WHOLE))] : []),
];

/**
 * An interface on a bridge.
 *
 * libvirt keeps a target that does not begin with `vnet`, and the MTU holds for the host's end and, by QEMU's host_mtu, for the
 * guest's. A `romfile` is never set: Debian's has another PCI id, and SeaBIOS skips it.
 */
export const interfaceSketch = ({ mac, bridge, link, mtu, datapath }: NicWanted, model: string | undefined): Sketch =>
  el(
    'interface',
    { type: 'bridge' },
    el('mac', { address: mac }),
    el('source', { bridge }),
    ...switchSketches({ datapath }),
    el('target', { dev: link }),
    ...(model === undefined ? [] : [el('model', { type: model })]),
    el('mtu', { size: String(mtu) }),
  );

/** Give a domain this interface: one of the same MAC is changed where it is, further ones of it go. */
export function setNic(document: Document, wanted: NicWanted, model: string | undefined): void {
  const [first, ...more] = interfacesOf(document).filter((element) => macOf(element) === wanted.mac);
  for (const element of more) element.parentNode?.removeChild(element);
  if (!first) {
    const root = rootOf(document);
    append(elementAt(root, 'devices') ?? append(root, el('devices')), interfaceSketch(wanted, model));
    return;
  }
  putOnBridge(first, wanted);
  setAttribute(first, 'target', 'dev', wanted.link);
  setAttribute(first, 'mtu', 'size', String(wanted.mtu));
}

/** Hang an interface on a bridge, whatever it hung on: what a switch was told of its port goes with that. */
export function putOnBridge(element: Element, wanted: Pick<NicWanted, 'bridge' | 'datapath'>): void {
  if (isOnBridge(nicOf(element), wanted)) return;
  for (const name of ['source', 'virtualport', 'backend', 'actual'])
    for (const child of childrenOf(element, name)) element.removeChild(child);
  element.setAttribute('type', 'bridge');
  append(element, el('source', { bridge: wanted.bridge }));
  for (const sketch of switchSketches(wanted)) {
    for (const child of childrenOf(element, sketch.name)) element.removeChild(child);
    append(element, sketch);
  }
}

function setAttribute(parent: Element, name: string, attribute: string, value: string): void {
  const element = elementAt(parent, name) ?? append(parent, el(name));
  element.setAttribute(attribute, value);
}

export function dropNic(document: Document, mac: Mac): void {
  for (const element of interfacesOf(document)) if (macOf(element) === mac) element.parentNode?.removeChild(element);
}

/** Have a container keep to a network of its own, whatever interfaces it has left. */
export function keepApart(document: Document): void {
  const root = rootOf(document);
  const features = elementAt(root, 'features') ?? append(root, el('features'));
  if (!elementAt(features, 'privnet')) append(features, el('privnet'));
}
