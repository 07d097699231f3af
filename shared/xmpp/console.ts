import xml, { type Element } from '@xmpp/xml';

/** What a guest writes to its console, to programs that watch it. */
export const CONSOLE_NS = 'urn:skerry:console:1';

export interface ConsoleChunk {
  guest: string;
  /** Offsets in bytes since the agent began to keep the console. */
  from: number;
  next: number;
  bytes: Uint8Array;
}

export const consoleElement = ({ guest, from, next, bytes }: ConsoleChunk): Element =>
  xml('console', { xmlns: CONSOLE_NS, guest, from, next }, Buffer.from(bytes).toString('base64'));

/** To a program that watched, and may do so no more. */
export const consoleCutElement = (guest: string): Element =>
  xml('console', { xmlns: CONSOLE_NS, guest, cut: 'not-permitted' });

/** The guest whose console may not be watched any more; undefined for any other message. */
export function parseConsoleCut(message: Element): string | undefined {
  const { guest, cut } = message.getChild('console', CONSOLE_NS)?.attrs ?? {};
  return cut === undefined ? undefined : guest;
}

/** Undefined for a message that holds none. */
export function parseConsole(message: Element): ConsoleChunk | undefined {
  const element = message.getChild('console', CONSOLE_NS);
  if (element?.attrs.from === undefined) return undefined;
  const { guest = '', from, next } = element.attrs;
  return { guest, from: Number(from), next: Number(next), bytes: Buffer.from(element.text(), 'base64') };
}
