import { z } from 'zod';
import { DriverName, Guest, GuestForm, GuestName, GuestRef } from '#shared/model/guest.ts';
import { ImageName } from '#shared/model/image.ts';
import { verb } from '#shared/verb/verb.ts';
import { guestVerbs } from './guest.ts';

const { vcpus, memoryMiB, title, nic } = guestVerbs['guest.define'].args.shape;

/** How a guest comes to be: from an image, and from another guest. */
export const makingVerbs = {
  'guest.create': verb({
    summary: 'Create a guest from an image that its host has.',
    details:
      'The image is an entry of the folder that the configuration of the driver names: a root file system, an archive of one, or a disk. The guest gets a copy of its own, and is off when it is there.',
    risk: 'change',
    job: true,
    args: z.strictObject({
      name: GuestForm.shape.name,
      image: ImageName,
      vcpus,
      memoryMiB,
      title,
      nic,
      driver: DriverName.optional().meta({
        title: 'Driver',
        description: 'Where the host has several: which one. Without it the first that creates guests.',
      }),
      option: z
        .array(
          z
            .string()
            .regex(/^[A-Za-z][A-Za-z0-9-]{0,62}=/, 'write NAME=VALUE')
            .max(1024),
        )
        .max(32)
        .default([])
        .meta({ title: 'Options', description: 'NAME=VALUE, one a line: what only the driver knows, as brand=lx.' }),
    }),
    positional: ['name', 'image', 'option'],
    guestArg: 'name',
    result: Guest,
    failures: [
      'guest-exists',
      'guest-definition',
      'image-not-found',
      'image-unfit',
      'host-space',
      'job-cancelled',
      'host-command',
      'host-timeout',
    ],
    timeoutMs: 3_600_000,
    example: 'guest create web1 debian-12 memoryMiB=512',
  }),
  'guest.clone': verb({
    summary: 'Make a new guest of one that is off: with a copy of its disks, and a name and MACs of its own.',
    details:
      'What is inside is the same: host name, keys and fixed addresses too. `linked` shares what both have in common, copy-on-write, where the driver can.',
    risk: 'change',
    job: true,
    args: z.strictObject({
      guest: GuestRef,
      name: GuestName,
      linked: z.boolean().default(false).meta({
        title: 'Linked',
        description: 'Share what both have in common, copy-on-write, in place of a full copy.',
      }),
    }),
    positional: ['guest', 'name'],
    guestArg: 'guest',
    result: Guest,
    failures: [
      'guest-not-found',
      'guest-wrong-state',
      'guest-exists',
      'clone-unfit',
      'host-space',
      'job-cancelled',
      'host-command',
      'host-timeout',
    ],
    timeoutMs: 3_600_000,
    example: 'guest clone venti venti-test',
  }),
};
