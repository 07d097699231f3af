import xml, { type Element } from '@xmpp/xml';
import { Failure } from '#shared/errors.ts';

const OOB_NS = 'jabber:x:oob';

/** What is answered in chat: words, and the SVG of a picture that says it better. */
export interface Reply {
  text: string;
  svg?: string;
}

/** Put a picture where clients can fetch it. @returns its URL @throws Failure picture-not-sent */
export type Publish = (svg: string) => Promise<string>;

/** What is said in the end: the URL of a picture, or words. */
export type Shown = { text: string } | { url: string };

/** A picture where there is one and it can be sent; else its words, with why where it was tried. */
export async function shownOf({ text, svg }: Reply, publish?: Publish): Promise<Shown> {
  if (svg === undefined || !publish) return { text };
  try {
    return { url: await publish(svg) };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { text: `${error.message} Here it is as text.\n${text}` };
  }
}

/** Makes a message whose body is this URL show what is there (XEP-0066): clients look for exactly these two. */
export const pictureAt = (url: string): Element => xml('x', { xmlns: OOB_NS }, xml('url', {}, url));
