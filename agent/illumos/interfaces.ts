import type { Command } from '#agent/exec/run.ts';
import { saysOf } from './links.ts';

// IP interfaces of the global zone by ipadm(8). One is plumbed with no address where shared-ip zones are to use its link.

const TIMEOUT_MS = 30_000;
const ipadm = (...args: string[]): Command => ({ file: 'ipadm', args, timeoutMs: TIMEOUT_MS });

export const createInterface = (link: string): Command => ipadm('create-if', link);
export const deleteInterface = (link: string): Command => ipadm('delete-if', link);
export const listInterfaces = (): Command => ipadm('show-if', '-p', '-o', 'ifname');

/**
 * What `listInterfaces` prints: a name a line. One field alone is not escaped.
 *
 * Source: ipadm(8)
 */
export const parseInterfaces = (stdout: string): string[] => stdout.split('\n').filter((line) => line !== '');

export const isAbsentInterface = (error: unknown): boolean =>
  saysOf(error, /does not exist|object not found|no such interface|not found/i);
