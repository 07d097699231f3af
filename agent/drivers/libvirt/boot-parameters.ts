/**
 * Responsibilities: boot parameters in a definition: words at the end of the kernel's command line, files of fw_cfg, and variables in
 * the environment of a container's init.
 *
 * Theory of operation: what was put in is noted in the definition's metadata, in a namespace of ours. By that note the next start takes
 * it out again, and leaves all that the person wrote.
 *
 * What can go wrong: libvirt (as of 9.0) writes a file's text into QEMU's command line with XML's escapes, and with commas, at which QEMU
 * reads options of its own, such as `file=`. So what holds one of those characters goes by the command line alone. Somebody has written another command line meanwhile. Where it does not end with our words it is theirs, and
 * stays whole.
 * Source: https://libvirt.org/formatdomain.html (SMBIOS System Information, General metadata), QEMU docs/specs/fw_cfg
 */
import { environmentOf } from '#agent/drivers/boot-environment.ts';
import { type BootParameter, kernelWord } from '#shared/model/boot-parameter.ts';
import type { Hypervisor } from './hypervisor.ts';
import {
  append,
  childrenOf,
  type Document,
  type Element,
  el,
  elementAt,
  parseXml,
  rootOf,
  sayable,
  xmlText,
} from './xml.ts';

const NAMESPACE = 'urn:skerry:boot:1';
const FILE_PREFIX = 'opt/org.skerry/';
/** Linux on x86 cuts off what is beyond (COMMAND_LINE_SIZE, less the end). */
const COMMAND_LINE_MAX = 2_047;
/** What does not arrive in a file as it was written. */
const NOT_IN_FILES = /[,<>&'"]/;

/** libvirt (as of 9.0) writes these into `<initenv>` as they are, and then has no definition any more. */
const NOT_IN_VARIABLES = /[<&]/;

/** Whether a definition is of what runs now. */
export const isRunning = (text: string): boolean => rootOf(parseXml(text, 'domain')).hasAttribute('id');

/** What runs was given; nothing for one that is off. */
export function parametersIn(text: string): BootParameter[] {
  return isRunning(text) ? notedIn(rootOf(parseXml(text, 'domain'))) : [];
}

/**
 * The definition with these parameters, and without those of before.
 *
 * @returns undefined where they are the same; the problem where there is no way to hand them over
 */
export function withParameters(
  text: string,
  params: readonly BootParameter[],
  { fwCfg = false, environment = false }: Hypervisor['parameters'],
): { text: string } | { problem: string } | undefined {
  const document = parseXml(text, 'domain');
  const root = rootOf(document);
  const noted = notedIn(root);
  if (JSON.stringify(noted) === JSON.stringify(params)) return undefined;
  takeOut(root, noted);
  const hasKernel = elementAt(root, 'os', 'kernel') !== undefined;
  if (params.length > 0 && !hasKernel && !fwCfg && !environment)
    return { problem: 'the host boots no kernel for it, and its hypervisor has no fw_cfg' };
  const [odd] = hasKernel || environment ? [] : params.filter(({ value }) => NOT_IN_FILES.test(value));
  if (odd) return { problem: `the value of ${odd.name} has one of , < > & ', which fw_cfg does not take` };
  const [unsafe] = environment ? params.filter(({ value }) => NOT_IN_VARIABLES.test(value)) : [];
  if (unsafe)
    return { problem: `the value of ${unsafe.name} has < or &, which libvirt does not hand on to a container` };
  if (params.length > 0) note(document, root, params);
  if (params.length > 0 && hasKernel) {
    const line = [commandLine(root), ...params.map(kernelWord)].filter((part) => part !== '').join(' ');
    if (line.length > COMMAND_LINE_MAX)
      return { problem: `its command line would have ${line.length} characters; ${COMMAND_LINE_MAX} are the most` };
    setCommandLine(document, root, line);
  }
  if (params.length > 0 && environment) addVariables(root, params);
  const files = fwCfg ? params.filter(({ value }) => !NOT_IN_FILES.test(value)) : [];
  if (files.length > 0) addFiles(document, root, files);
  return { text: xmlText(document) };
}

const noteOf = (root: Element): Element | undefined => {
  const metadata = elementAt(root, 'metadata');
  return metadata && elementsOf(metadata).find((each) => each.namespaceURI === NAMESPACE && each.localName === 'boot');
};

const elementsOf = (parent: Element): Element[] =>
  Array.from(parent.childNodes).filter((node): node is Element => node.nodeType === node.ELEMENT_NODE);

function notedIn(root: Element): BootParameter[] {
  const boot = noteOf(root);
  if (!boot) return [];
  return elementsOf(boot).map((each) => ({ name: each.getAttribute('name') ?? '', value: each.textContent ?? '' }));
}

function note(document: Document, root: Element, params: readonly BootParameter[]): void {
  const metadata = elementAt(root, 'metadata') ?? added(root, document.createElement('metadata'));
  const boot = added(metadata, document.createElementNS(NAMESPACE, 'skerry:boot'));
  for (const { name, value } of params) {
    const parameter = added(boot, document.createElementNS(NAMESPACE, 'skerry:parameter'));
    parameter.setAttribute('name', sayable(name));
    parameter.textContent = sayable(value);
  }
}

function added(parent: Element, element: Element): Element {
  parent.appendChild(element);
  return element;
}

/** All that an earlier start put in. */
function takeOut(root: Element, noted: readonly BootParameter[]): void {
  remove(noteOf(root));
  const metadata = elementAt(root, 'metadata');
  if (metadata && elementsOf(metadata).length === 0) remove(metadata);
  for (const sysinfo of fileLists(root)) {
    for (const entry of childrenOf(sysinfo, 'entry'))
      if (entry.getAttribute('name')?.startsWith(FILE_PREFIX)) remove(entry);
    if (elementsOf(sysinfo).length === 0) remove(sysinfo);
  }
  dropVariables(root, noted);
  const words = noted.map(kernelWord).join(' ');
  const line = commandLine(root);
  if (words === '' || (line !== words && !line.endsWith(` ${words}`))) return;
  const own = line.slice(0, line.length - words.length).trimEnd();
  const element = elementAt(root, 'os', 'cmdline');
  if (own === '') remove(element);
  else if (element) element.textContent = own;
}

const remove = (element: Element | undefined): void => void element?.parentNode?.removeChild(element);

const commandLine = (root: Element): string => elementAt(root, 'os', 'cmdline')?.textContent ?? '';

function setCommandLine(document: Document, root: Element, line: string): void {
  const os = elementAt(root, 'os');
  if (!os) return;
  const element = elementAt(os, 'cmdline') ?? added(os, document.createElement('cmdline'));
  element.textContent = sayable(line);
}

const fileLists = (root: Element): Element[] =>
  childrenOf(root, 'sysinfo').filter((each) => each.getAttribute('type') === 'fwcfg');

function addFiles(document: Document, root: Element, params: readonly BootParameter[]): void {
  const present = fileLists(root)[0];
  const list = present ?? added(root, document.createElement('sysinfo'));
  list.setAttribute('type', 'fwcfg');
  for (const { name, value } of params) {
    const entry = added(list, document.createElement('entry'));
    entry.setAttribute('name', `${FILE_PREFIX}${name}`);
    entry.textContent = sayable(value);
  }
}

/** What a person's own definition has of the same name comes before, and the last one holds. */
function addVariables(root: Element, params: readonly BootParameter[]): void {
  const os = elementAt(root, 'os');
  if (!os) return;
  for (const [name, value] of variablesOf(params)) append(os, el('initenv', { name }, value));
}

/** The last of each name, where it is still what an earlier start put in. */
function dropVariables(root: Element, noted: readonly BootParameter[]): void {
  const os = elementAt(root, 'os');
  if (!os || noted.length === 0) return;
  for (const [name, value] of variablesOf(noted)) {
    const last = childrenOf(os, 'initenv').findLast((each) => each.getAttribute('name') === name);
    if (last?.textContent === value) remove(last);
  }
}

const variablesOf = (params: readonly BootParameter[]): (readonly [name: string, value: string])[] =>
  environmentOf(params).map((word) => {
    const equals = word.indexOf('=');
    return [word.slice(0, equals), word.slice(equals + 1)];
  });
