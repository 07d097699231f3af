import {
  DOMImplementation,
  DOMParser,
  type Document,
  type Element,
  onErrorStopParsing,
  XMLSerializer,
} from '@xmldom/xmldom';
import { Failure } from '#shared/errors.ts';

export type { Document, Element } from '@xmldom/xmldom';

/** A definition of thousands of devices has half of this. */
const XML_CHARS_MAX = 1_000_000;

/**
 * Read a document whose root is of that name.
 *
 * A document type is refused: nothing here needs one, and entities can be made to grow without end.
 * @throws Failure guest-definition
 */
export function parseXml(text: string, rootName: string): Document {
  const refuse = (problem: string, cause?: unknown) => new Failure('guest-definition', { problem }, { cause });
  if (text.length > XML_CHARS_MAX) throw refuse(`it has ${text.length} characters; at most ${XML_CHARS_MAX} are read`);
  if (/<!DOCTYPE/i.test(text)) throw refuse('it has a <!DOCTYPE>; leave that out');
  let document: Document;
  try {
    document = new DOMParser({ onError: onErrorStopParsing, normalizeLineEndings }).parseFromString(text, 'text/xml');
  } catch (error) {
    throw refuse(`it is not well-formed XML: ${firstLine(error)}`, error);
  }
  const root = document.documentElement;
  if (root?.nodeName !== rootName) throw refuse(`it begins with <${root?.nodeName ?? ''}>; <${rootName}> was expected`);
  return document;
}

/** As XML 1.0 says it (section 2.11), and libvirt reads it; the parser's own way, that of 1.1, would alter U+0085, U+2028 and U+2029. */
const normalizeLineEndings = (text: string): string => text.replace(/\r\n?/g, '\n');

const firstLine = (error: unknown): string =>
  String(error instanceof Error ? error.message : error).split('\n')[0] ?? '';

/** The text of a document or an element. */
export const xmlText = (node: Document | Element): string => new XMLSerializer().serializeToString(node);

/** The document's root; there always is one, by `parseXml` and `newDocument`. */
export function rootOf(document: Document): Element {
  if (!document.documentElement) throw new TypeError('a document without a root');
  return document.documentElement;
}

/** Elements right below, of that name and of no namespace. */
export const childrenOf = (parent: Element, name: string): Element[] =>
  Array.from(parent.childNodes).filter(
    (node): node is Element => node.nodeType === node.ELEMENT_NODE && node.nodeName === name,
  );

/** The first element on a path from here. */
export function elementAt(parent: Element, ...path: string[]): Element | undefined {
  let found: Element | undefined = parent;
  for (const name of path) found = found && childrenOf(found, name)[0];
  return found;
}

/** An element to be. Attributes that are undefined are left out. */
export interface Sketch {
  name: string;
  attributes: Readonly<Record<string, string | undefined>>;
  content: readonly (Sketch | string)[];
}
export const el = (
  name: string,
  attributes: Sketch['attributes'] = {},
  ...content: readonly (Sketch | string)[]
): Sketch => ({ name, attributes, content });

/** A document from a sketch of it. @throws Failure guest-definition for text that XML cannot hold */
export function documentOf(sketch: Sketch): Document {
  const document = new DOMImplementation().createDocument(null, sketch.name, null);
  fill(document, rootOf(document), sketch);
  return document;
}

function fill(document: Document, element: Element, { attributes, content }: Sketch): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined) element.setAttribute(name, sayable(value));
  }
  for (const part of content) {
    if (typeof part === 'string') {
      element.appendChild(document.createTextNode(sayable(part)));
    } else {
      append(element, part);
    }
  }
}

/** The text itself, where XML 1.0 can hold it on one line (section 2.2). @throws Failure guest-definition */
export function sayable(text: string): string {
  if (/[\p{Cc}\p{Cs}\uFFFE\uFFFF]/u.test(text)) {
    throw new Failure('guest-definition', { problem: `${JSON.stringify(text)} has a control character; leave it out` });
  }
  return text;
}

/** Put an element at the end of another. @throws Failure guest-definition for text that XML cannot hold */
export function append(parent: Element, sketch: Sketch): Element {
  const document = parent.ownerDocument;
  if (!document) throw new TypeError('an element without a document');
  const child = document.createElement(sketch.name);
  fill(document, child, sketch);
  parent.appendChild(child);
  return child;
}

/** Give an element right below that text; it is made where there is none, and goes where the text is empty. */
export function setChild(parent: Element, name: string, text: string): Element | undefined {
  const document = parent.ownerDocument;
  const present = childrenOf(parent, name)[0];
  if (text === '') {
    if (present) parent.removeChild(present);
    return undefined;
  }
  if (!document) throw new TypeError('an element without a document');
  const element = present ?? document.createElement(name);
  if (!present) parent.insertBefore(element, parent.firstChild);
  element.textContent = sayable(text);
  return element;
}
