import { join } from 'node:path';
import { Failure } from '#shared/errors.ts';
import type { GuestForm } from '#shared/model/guest.ts';
import { quotaOf } from './cpu-quota.ts';
import { disksOf, nicOf } from './device-specs.ts';
import { fileSystemsOf } from './file-system-specs.ts';
import type { Hypervisor } from './hypervisor.ts';
import { documentOf, el, type Sketch, xmlText } from './xml.ts';

/** What the short form leaves to the host. */
export interface FormGround {
  hypervisor: Hypervisor;
  /** Domain types that the host's capabilities offer; undefined while they are not known. */
  domainTypes: ReadonlySet<string> | undefined;
  /** Where the hypervisor writes what the guest says on its serial console. */
  consoleFolder: string;
  /** Where a guest that is given no root of its own has one, by its name. */
  diskFolder: string;
}

/**
 * The definition that the short form means.
 *
 * @throws Failure guest-definition, host-unreachable while it is not known whether the host has KVM
 * Source: https://libvirt.org/formatdomain.html
 */
export function definitionOfForm(form: GuestForm, ground: FormGround): string {
  const { shortForm, nics, limitsByQuota } = ground.hypervisor;
  const given = [...storageOf(form, ground), ...form.nics.map((nic) => nicOf(nic, nics))];
  const devices = shortForm.devices({
    name: form.name,
    consoleFolder: ground.consoleFolder,
    others: given.length,
  });
  const domain = el(
    'domain',
    { type: typeOf(ground) },
    el('name', {}, form.name),
    ...optional('title', form.title),
    el('memory', { unit: 'MiB' }, String(form.memoryMiB)),
    el('vcpu', {}, String(form.vcpus)),
    ...(limitsByQuota ? [quotaOf(form.vcpus)] : []),
    osOf(form, shortForm),
    ...shortForm.parts,
    el('devices', {}, ...given, ...devices),
  );
  return xmlText(documentOf(domain));
}

const optional = (name: string, text: string | undefined): Sketch[] => (text ? [el(name, {}, text)] : []);

/** The best that the host offers; of a row with one there is nothing to ask. */
function typeOf({ hypervisor, domainTypes }: FormGround): string {
  const { types } = hypervisor.shortForm;
  if (types.length > 1 && domainTypes === undefined)
    throw new Failure('host-unreachable', { problem: 'its capabilities are not known yet' });
  return types.find((type) => domainTypes?.has(type)) ?? types.at(-1) ?? types[0];
}

function osOf({ kernel, ramdisk, cmdline }: GuestForm, { os, osOfKernel = os }: Hypervisor['shortForm']): Sketch {
  if (osOfKernel === 'refused' && (kernel || ramdisk || cmdline))
    throw new Failure('guest-definition', {
      problem: 'a container has the kernel of its host: leave out kernel, ramdisk and cmdline',
    });
  const { name, attributes, content } = kernel && osOfKernel !== 'refused' ? osOfKernel : os;
  const boot = [...optional('kernel', kernel), ...optional('initrd', ramdisk), ...optional('cmdline', cmdline)];
  return el(name, attributes, ...content, ...boot);
}

const storageOf = ({ name, disks }: GuestForm, { hypervisor, diskFolder }: FormGround): Sketch[] =>
  hypervisor.shortForm.disks === 'file systems'
    ? fileSystemsOf(disks.length > 0 ? disks : [join(diskFolder, name)])
    : disksOf(disks, hypervisor.shortForm.disks);
