import type { GuestEvent } from '#agent/drivers/driver.ts';
import type { GuestState } from '#shared/model/guest.ts';

/** libvirt's lifecycle words, what they mean to us, and the state where the word alone tells it. */
const LIFECYCLE: Readonly<Record<string, readonly [GuestEvent['what'], GuestState?]>> = {
  Defined: ['defined'],
  Undefined: ['undefined'],
  Started: ['started', 'running'],
  Suspended: ['suspended', 'paused'],
  Resumed: ['resumed', 'running'],
  Stopped: ['stopped', 'shutoff'],
  Shutdown: ['shutdown', 'shutdown'],
  PMSuspended: ['pmsuspended', 'pmsuspended'],
  Crashed: ['crashed', 'crashed'],
};

/** A stop for these reasons was nobody's wish. */
const UNWANTED_STOPS: ReadonlySet<string> = new Set(['Crashed', 'Failed']);

/**
 * Other kinds of event after which something that we tell of a guest may read otherwise. Not `reboot`: nothing reads
 * otherwise after it, and QEMU tells it dozens of times for one.
 */
const OTHERS: Readonly<Record<string, GuestEvent['what']>> = {
  'agent-lifecycle': 'agent',
  'balloon-change': 'changed',
  'device-added': 'changed',
  'device-removed': 'changed',
  'metadata-change': 'changed',
};

/**
 * One line that `virsh event --all --timestamp` prints; undefined for what nobody here needs to know.
 *
 * Shape: `2026-11-21 02:52:48.285+0000: event 'KIND' for domain 'NAME'[: DETAIL]`. Lines that begin otherwise go on
 * with the event before. A name may hold quotes and colons: so the detail is cut off at the last `': ` that a detail of
 * that kind can follow.
 * Source: virsh(1), tools/virsh-domain-event.c; recorded in test/fixtures/virsh/events-*.txt
 */
export function parseEvent(line: string): GuestEvent | undefined {
  const [, kind = '', rest = ''] =
    /^\d{4}-\d\d-\d\d [\d:.]+[+-]\d{4}: event '([a-z-]+)' for domain '(.*)$/u.exec(line) ?? [];
  if (kind === 'lifecycle') return lifecycleEvent(rest);
  const what = Object.hasOwn(OTHERS, kind) ? OTHERS[kind] : undefined;
  if (what === undefined) return undefined;
  const [, name, detail] = DETAILS[kind]?.exec(rest) ?? [];
  if (name === undefined) return undefined;
  return {
    name,
    what,
    ...(detail === undefined ? {} : { detail: kind === 'agent-lifecycle' ? detail : `${kind} ${detail}` }),
  };
}

/** Name and detail of those events, whose detail has a shape of its own. */
const DETAILS: Readonly<Record<string, RegExp>> = {
  'agent-lifecycle': /^(.*)': state: '([a-z]+)' reason: '[^']*'$/u,
  'balloon-change': /^(.*)': (\d+KiB)$/u,
  'device-added': /^(.*)': (\S+)$/u,
  'device-removed': /^(.*)': (\S+)$/u,
  'metadata-change': /^(.*)': type ([a-z]+), uri .*$/u,
};

function lifecycleEvent(rest: string): GuestEvent | undefined {
  const [, name, word = '', detail = ''] = /^(.*)': ([A-Za-z]+) (.*)$/u.exec(rest) ?? [];
  const row = Object.hasOwn(LIFECYCLE, word) ? LIFECYCLE[word] : undefined;
  if (name === undefined || row === undefined) return undefined;
  const [what, state] = row;
  return {
    name,
    what: what === 'stopped' && UNWANTED_STOPS.has(detail) ? 'crashed' : what,
    ...(state === undefined ? {} : { state }),
    detail,
  };
}
