import { DOMImplementation, type Document, type Element, XMLSerializer } from '@xmldom/xmldom';

const SVG_NS = 'http://www.w3.org/2000/svg';
/** What XML 1.0 cannot hold, however it is escaped. */
const NO_XML = /[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu;

/** An element of a picture. */
export interface Piece {
  name: string;
  attributes: Readonly<Record<string, string | number>>;
  inside: readonly (Piece | string)[];
}

export const el = (name: string, attributes: Piece['attributes'] = {}, ...inside: Piece['inside']): Piece => ({
  name,
  attributes,
  inside,
});

/** A picture as text. Names go into it as nodes of a document, so that nothing in them is taken for markup. */
export function svgText(picture: Piece): string {
  const made = new DOMImplementation().createDocument(SVG_NS, picture.name);
  if (made.documentElement) fill(made, made.documentElement, picture);
  return `${new XMLSerializer().serializeToString(made)}\n`;
}

function fill(made: Document, element: Element, { attributes, inside }: Piece): void {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, plain(`${value}`));
  for (const child of inside) {
    if (typeof child === 'string') element.appendChild(made.createTextNode(plain(child)));
    else {
      const inner = made.createElementNS(SVG_NS, child.name);
      element.appendChild(inner);
      fill(made, inner, child);
    }
  }
}

const plain = (text: string): string => text.replaceAll(NO_XML, '\u{fffd}');
