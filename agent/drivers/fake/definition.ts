import { z } from 'zod';
import { Failure } from '#shared/errors.ts';
import { type GuestForm, GuestRef } from '#shared/model/guest.ts';

const Disk = z
  .string()
  .regex(
    /^\/[^,]*(,(format=(qcow2|raw)|bus=(virtio|scsi|sata)|readonly))*$/,
    'write PATH[,format=qcow2|raw][,bus=virtio|scsi|sata][,readonly]',
  );
const Nic = z
  .string()
  .regex(
    /^(bridge|network)=[^,]+(,(mac=[0-9a-fA-F:]{17}|model=[a-z0-9-]+|target=[A-Za-z0-9_.-]{1,15}|mtu=\d{1,5}))*$/,
    'write bridge=NAME or network=NAME, then [,mac=MAC][,model=virtio][,target=LINK][,mtu=BYTES]',
  );

/** The fake hypervisor's own language: JSON of this shape. */
export const FakeDefinition = z.strictObject({
  id: z.uuid().optional(),
  name: GuestRef,
  title: z.string().min(1).max(200).optional(),
  vcpus: z.int().min(1).max(512).default(1),
  memoryMiB: z.int().min(1).max(16_777_216).default(256),
  kernel: z.string().optional(),
  ramdisk: z.string().optional(),
  cmdline: z.string().optional(),
  disks: z.array(Disk).default([]),
  nics: z.array(Nic).default([]),
  /** What it was made of, where it was made of an image. */
  image: z.string().optional(),
  addresses: z.array(z.string()).default([]),
  hasConsole: z.boolean().default(true),
  /** Whether it goes off when it is asked to. */
  hearsShutdown: z.boolean().default(true),
});
export type FakeDefinition = z.infer<typeof FakeDefinition>;

/** @throws Failure guest-definition, naming what is wrong */
export function parseDefinition(text: string): FakeDefinition {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Failure('guest-definition', { problem: 'it is not JSON' }, { cause: error });
  }
  return checkedDefinition(value);
}

export function checkedDefinition(value: unknown): FakeDefinition {
  const parsed = FakeDefinition.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const problem = `${issue?.path.join('.') || 'the whole'}: ${issue?.message ?? 'cannot be read'}`;
  throw new Failure('guest-definition', { problem });
}

/** In the order of the shape, whatever order it came in. */
export const definitionText = (definition: FakeDefinition): string =>
  `${JSON.stringify(FakeDefinition.parse(definition), null, 2)}\n`;

/** @throws Failure guest-definition */
export const definitionOfForm = (form: GuestForm): string => definitionText(checkedDefinition(form));
