import { createHash } from 'node:crypto';
import {
  DOMImplementation,
  XMLSerializer,
  type Document as XmlDocument,
  type Element as XmlElement,
} from '@xmldom/xmldom';
import type { GuestImage } from '../guest/build.ts';
import type { PlannedGuest } from './plan.ts';

type Child = ((parent: XmlElement, made: XmlDocument) => void) | string;

/** The definition of a guest of the rig, in libvirt's own format. Its interface comes with its address on a network. */
export function domainXml(guest: PlannedGuest, image: GuestImage, consoleLog: string, hasKvm: boolean): string {
  const serves = guest.serve === undefined ? '' : ` skerry.serve=${guest.serve}`;
  const needs = guest.dial === undefined ? '' : ` skerry.dial=${guest.dial}`;
  const cmdline = `console=ttyS0 quiet panic=-1 skerry.name=${guest.name}${serves}${needs}`;
  const domain = document('domain', { type: hasKvm ? 'kvm' : 'qemu' }, [
    el('name', {}, guest.name),
    el('uuid', {}, uuidOf(guest.name)),
    el('memory', { unit: 'MiB' }, '112'),
    el('vcpu', {}, '1'),
    el(
      'os',
      {},
      el('type', { arch: 'x86_64', machine: 'q35' }, 'hvm'),
      el('kernel', {}, image.kernel),
      el('initrd', {}, image.initrd),
      el('cmdline', {}, cmdline),
    ),
    el('features', {}, el('acpi')),
    hasKvm
      ? el('cpu', { mode: 'host-passthrough', check: 'none' })
      : el('cpu', { mode: 'custom', match: 'exact' }, el('model', { fallback: 'forbid' }, 'qemu64')),
    el('clock', { offset: 'utc' }),
    el('on_poweroff', {}, 'destroy'),
    el('on_reboot', {}, 'restart'),
    el('on_crash', {}, 'destroy'),
    devices(consoleLog),
  ]);
  return new XMLSerializer().serializeToString(domain);
}

const devices = (consoleLog: string): Child =>
  el(
    'devices',
    {},
    el('controller', { type: 'usb', model: 'none' }),
    el(
      'serial',
      { type: 'pty' },
      // What a guest says while nobody holds its console is in this file.
      el('log', { file: consoleLog, append: 'on' }),
      el('target', { port: '0' }),
    ),
    el('console', { type: 'pty' }, el('target', { type: 'serial', port: '0' })),
    el('channel', { type: 'unix' }, el('target', { type: 'virtio', name: 'org.qemu.guest_agent.0' })),
    el('memballoon', { model: 'virtio' }, el('stats', { period: '2' })),
    el('rng', { model: 'virtio' }, el('backend', { model: 'random' }, '/dev/urandom')),
  );

/** The same guest has the same UUID in every rig, so that defining it again redefines it. */
function uuidOf(name: string): string {
  const hex = createHash('sha256').update(`skerry rig guest ${name}`).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

const el =
  (name: string, attributes: Readonly<Record<string, string>> = {}, ...children: Child[]): Child =>
  (parent, made) => {
    const element = made.createElement(name);
    parent.appendChild(element);
    fill(made, element, attributes, children);
  };

function document(name: string, attributes: Readonly<Record<string, string>>, children: readonly Child[]): XmlDocument {
  const made = new DOMImplementation().createDocument(null, name);
  if (made.documentElement !== null) fill(made, made.documentElement, attributes, children);
  return made;
}

function fill(
  made: XmlDocument,
  element: XmlElement,
  attributes: Readonly<Record<string, string>>,
  children: readonly Child[],
): void {
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  for (const child of children) {
    if (typeof child === 'string') element.appendChild(made.createTextNode(child));
    else child(element, made);
  }
}
