import xml, { type Element } from '@xmpp/xml';
import type { Requester, Surface } from '#shared/verb/request.ts';
import { consoleElement } from '#shared/xmpp/console.ts';
import { printable } from '#shared/xmpp/stanza-error.ts';
import type { ConsoleOutput, Watcher } from './keeper.ts';
import { plainText } from './scrollback.ts';

const GATHER_MS = 300;
const CHAT_CHARACTERS_MAX = 3_000;
const CHUNK_BYTES_MAX = 65_536;

/** How what a guest writes reaches a watcher: a person gets gathered lines in chat, a program the bytes as they come. */
export const watcherFor = (requester: Requester, surface: Surface, send: (stanza: Element) => void): Watcher =>
  surface === 'chat' ? toPerson(requester.bareJid, send) : toProgram(requester.fullJid, send);

function toProgram(fullJid: string, send: (stanza: Element) => void): Watcher {
  return ({ guest, from, bytes }: ConsoleOutput) => {
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES_MAX) {
      const part = bytes.subarray(at, at + CHUNK_BYTES_MAX);
      const chunk = consoleElement({ guest, from: from + at, next: from + at + part.length, bytes: part });
      send(xml('message', { to: fullJid, type: 'headline' }, chunk));
    }
  };
}

function toPerson(bareJid: string, send: (stanza: Element) => void): Watcher {
  const decoder = new TextDecoder();
  let waiting = '';
  let isGathering = false;
  return ({ guest, bytes }: ConsoleOutput) => {
    waiting += decoder.decode(bytes, { stream: true });
    if (isGathering) return;
    isGathering = true;
    setTimeout(() => {
      isGathering = false;
      const text = plainText(waiting).trim();
      waiting = '';
      if (text === '') return;
      const cut =
        text.length > CHAT_CHARACTERS_MAX
          ? `… ${text.length - CHAT_CHARACTERS_MAX} characters left out: console read ${guest}\n`
          : '';
      send(
        xml(
          'message',
          { to: bareJid, type: 'chat' },
          xml('body', {}, printable(`${guest}:\n${cut}${text.slice(-CHAT_CHARACTERS_MAX)}`)),
        ),
      );
    }, GATHER_MS);
  };
}
