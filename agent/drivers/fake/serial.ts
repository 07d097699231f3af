import type { SerialPort } from '#agent/drivers/driver.ts';
import { Failure } from '#shared/errors.ts';
import { runLine, type ShellPlace } from './shell.ts';

const HISTORY_BYTES_MAX = 64 * 1024;
const BACKSPACE = /[\b\x7f]/;

/** A guest's serial console: what it prints goes to every open port; what is typed is echoed and obeyed once it is up. */
export interface FakeSerial {
  print(text: string): void;
  /** The guest has come up: there is a prompt. */
  prompt(): void;
  /** The guest went off, or begins anew: nobody listens to what is typed. */
  silence(): void;
  open(): SerialPort;
  /** The end of all that it printed. */
  history(bytesMax: number): Uint8Array;
  /** The guest went off: every port ends. */
  hangUp(): void;
}

export function fakeSerial(place: ShellPlace): FakeSerial {
  const ports = new Set<{ take(bytes: Uint8Array): void; end(): void }>();
  let history = Buffer.alloc(0);
  let line = '';
  let isUp = false;

  const print = (text: string): void => {
    const bytes = Buffer.from(text.replaceAll('\n', '\r\n'));
    history = Buffer.concat([history, bytes]).subarray(-HISTORY_BYTES_MAX);
    for (const port of ports) port.take(bytes);
  };
  const prompt = (): void => {
    isUp = true;
    line = '';
    print(`${place.name}:~# `);
  };
  const type = (bytes: Uint8Array): void => {
    if (!isUp) return;
    for (const letter of Buffer.from(bytes).toString()) {
      if (letter === '\r' || letter === '\n') enter();
      else if (letter === '\x03') interrupt();
      else if (BACKSPACE.test(letter)) erase();
      else {
        line += letter;
        print(letter);
      }
    }
  };
  const enter = (): void => {
    print('\n');
    const output = runLine(line, place);
    print(output);
    if (isUp) prompt();
  };
  const interrupt = (): void => {
    print('^C\n');
    prompt();
  };
  const erase = (): void => {
    if (line === '') return;
    line = line.slice(0, -1);
    print('\b \b');
  };

  return {
    print,
    prompt,
    silence: () => {
      isUp = false;
    },
    hangUp: () => {
      isUp = false;
      for (const port of ports) port.end();
      ports.clear();
    },
    history: (bytesMax) => Uint8Array.from(history.subarray(-bytesMax)),
    open: () => openPort(ports, type, place.name, () => history),
  };
}

function openPort(
  ports: Set<{ take(bytes: Uint8Array): void; end(): void }>,
  type: (bytes: Uint8Array) => void,
  name: string,
  historyNow: () => Buffer,
): SerialPort {
  const dataListeners: ((chunk: Uint8Array) => void)[] = [];
  const endListeners: (() => void)[] = [];
  let isEnded = false;
  const end = (): void => {
    if (isEnded) return;
    isEnded = true;
    for (const listener of endListeners) queueMicrotask(listener);
  };
  const port = {
    take: (bytes: Uint8Array) => {
      for (const listener of dataListeners) listener(bytes);
    },
    end,
  };
  ports.add(port);
  return {
    onData: (listener) => void dataListeners.push(listener),
    onEnd: (listener) => {
      if (isEnded) queueMicrotask(listener);
      else endListeners.push(listener);
    },
    write: async (bytes) => {
      if (isEnded) throw new Failure('console-closed', { guest: name, state: 'shutoff' });
      type(bytes);
    },
    close: async () => {
      ports.delete(port);
      end();
    },
    history: async (bytesMax) => Uint8Array.from(historyNow().subarray(-bytesMax)),
  };
}
