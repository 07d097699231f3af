import type { Command } from '#agent/exec/run.ts';
import { Failure } from '#shared/errors.ts';
import type { Mac } from '#shared/model/address.ts';
import { colonRows } from './colon-fields.ts';

// Links of illumos by dladm(8), whose output for programs is a committed interface. They are persistent: they are there again after a reboot,
// before zones boot.

const TIMEOUT_MS = 30_000;
const dladm = (...args: string[]): Command => ({ file: 'dladm', args, timeoutMs: TIMEOUT_MS });

export const createEtherstub = (link: string): Command => dladm('create-etherstub', link);
export const deleteEtherstub = (link: string): Command => dladm('delete-etherstub', link);

export interface Vnic {
  link: string;
  over: string;
  mac?: Mac;
  mtu?: number;
}

export const createVnic = ({ link, over, mac, mtu }: Vnic): Command =>
  dladm(
    'create-vnic',
    ...['-l', over],
    ...(mac === undefined ? [] : ['-m', mac]),
    ...(mtu === undefined ? [] : ['-p', `mtu=${mtu}`]),
    link,
  );
export const deleteVnic = (link: string): Command => dladm('delete-vnic', link);

/** Properties of a link, kept over reboots. */
export const setLinkProperties = (
  link: string,
  properties: Readonly<Record<string, string | readonly string[]>>,
): Command =>
  dladm(
    'set-linkprop',
    ...Object.entries(properties).flatMap(([name, value]) => ['-p', `${name}=${[value].flat().join(',')}`]),
    link,
  );
export const listProtection = (): Command =>
  dladm('show-linkprop', '-c', '-o', 'link,property,value', '-p', 'protection,allowed-ips');

export const listLinks = (): Command => dladm('show-link', '-p', '-o', 'link,class,mtu,state');

export interface Link {
  link: string;
  /** `phys`, `vnic`, `etherstub`, `aggr`, `vlan`, `bridge`, `overlay`. */
  class: string;
  mtu: number | undefined;
}

/**
 * What `listLinks` prints.
 *
 * Shape: `net0:vnic:1500:up`, a line a link; what is not known is `?`
 * @throws Failure host-output
 * Source: dladm(8)
 */
export const parseLinks = (stdout: string): Link[] =>
  colonRows({ command: 'dladm show-link' }, ['link', 'class', 'mtu', 'state'], stdout).map((row) => ({
    link: row.link,
    class: row.class,
    mtu: /^\d+$/.test(row.mtu) ? Number(row.mtu) : undefined,
  }));

export const listVnics = (): Command => dladm('show-vnic', '-p', '-o', 'link,over,macaddress,zone');

export interface VnicFound {
  link: string;
  over: string;
  mac: Mac;
  /** The zone that runs with it. */
  zone: string | undefined;
}

/**
 * What `listVnics` prints.
 *
 * Shape: `znic0:zrstub0:2\:8\:20\:d6\:c7\:3c:web1`; bytes of the MAC have no leading zeros; no zone is `--`, `?` or nothing
 * @throws Failure host-output
 * Source: dladm(8)
 */
export const parseVnics = (stdout: string): VnicFound[] =>
  colonRows({ command: 'dladm show-vnic' }, ['link', 'over', 'macaddress', 'zone'], stdout).map((row) => ({
    link: row.link,
    over: row.over,
    mac: macOf(row.macaddress),
    zone: ['', '--', '-', '?'].includes(row.zone) ? undefined : row.zone,
  }));

/** A MAC as dladm prints it, in six bytes of two digits. @throws Failure host-output */
export function macOf(printed: string): Mac {
  if (!/^[0-9a-f]{1,2}(:[0-9a-f]{1,2}){5}$/i.test(printed))
    throw new Failure('host-output', { problem: `dladm printed a MAC address ${JSON.stringify(printed)}` });
  return printed
    .toLowerCase()
    .split(':')
    .map((byte) => byte.padStart(2, '0'))
    .join(':');
}

/** Whether dladm says that the link that it was told of is not there. */
export const isAbsentLink = (error: unknown): boolean =>
  saysOf(error, /object not found|invalid (?:vnic|link) name|not found/i);
/** Whether a link of that name is there already. */
export const isTakenLink = (error: unknown): boolean => saysOf(error, /already exists|object exists/i);

/** Whether a command was refused with such words. */
export const saysOf = (error: unknown, words: RegExp): boolean =>
  error instanceof Failure && error.code === 'host-command' && words.test(String(error.details.problem));
