/** Types of the parts of @xmpp that are used here; the packages bring none. */
declare module '@xmpp/xml' {
  export interface Element {
    name: string;
    attrs: Record<string, string>;
    children: (Element | string)[];
    parent: Element | null;
    is(name: string, xmlns?: string): boolean;
    getName(): string;
    getNS(): string | undefined;
    attr(name: string): string | undefined;
    getChild(name: string, xmlns?: string): Element | undefined;
    getChildren(name: string, xmlns?: string): Element[];
    getChildElements(): Element[];
    getChildText(name: string, xmlns?: string): string | null;
    getText(): string;
    text(): string;
    append(...children: (Element | string)[]): Element;
    prepend(...children: (Element | string)[]): Element;
    remove(child: Element): Element;
    toString(): string;
  }
  type Child = Element | string | number | undefined | null | false | readonly Child[];
  /** Build an element. Text and attribute values are escaped by the serializer. */
  function xml(
    name: string,
    attrs?: Readonly<Record<string, string | number | boolean | undefined>> | null,
    ...children: Child[]
  ): Element;
  export default xml;
  export { xml };
  export class Parser {
    on(event: string, listener: (...args: never[]) => void): this;
    write(data: string): void;
    end(data?: string): void;
  }
  export function escapeXML(text: string): string;
  export function escapeXMLText(text: string): string;
}
