import xml, { type Element } from '@xmpp/xml';
import type { Log } from './link.ts';

const STANZAS_MAX = 1_000;
const CHARACTERS_MAX = 8_388_608;
const DELAY_NS = 'urn:xmpp:delay';

interface Kept {
  stanza: Element;
  size: number;
}

/** Stanzas that wait for the next connection, bounded in number and size: when it is full the oldest go. */
export class Outbox {
  readonly #log: Log;
  #kept: Kept[] = [];
  #size = 0;
  #forgotten = 0;

  constructor(log: Log) {
    this.#log = log;
  }

  /** A message is stamped with the time (XEP-0203): it will be read as one that was said earlier. */
  keep(stanza: Element, sentAt = new Date()): void {
    if (stanza.name === 'message' && !stanza.getChild('delay', DELAY_NS)) {
      stanza.append(xml('delay', { xmlns: DELAY_NS, stamp: sentAt.toISOString() }));
    }
    const size = stanza.toString().length;
    this.#kept.push({ stanza, size });
    this.#size += size;
    while (this.#kept.length > STANZAS_MAX || this.#size > CHARACTERS_MAX) {
      this.#size -= this.#kept.shift()?.size ?? 0;
      if (this.#forgotten++ === 0) this.#log.warn({ stanzas: STANZAS_MAX }, 'outbox full, oldest stanzas forgotten');
    }
  }

  /** All of it, oldest first; it is empty then. */
  take(): Element[] {
    const stanzas = this.#kept.map((kept) => kept.stanza);
    if (this.#forgotten > 0) this.#log.error({ forgotten: this.#forgotten }, 'stanzas were lost while offline');
    this.#kept = [];
    this.#size = 0;
    this.#forgotten = 0;
    return stanzas;
  }
}
