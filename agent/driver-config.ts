import { z } from 'zod';
import { FakeDefinition } from '#agent/drivers/fake/definition.ts';
import { uriProblem } from '#agent/drivers/libvirt/uri.ts';
import { DriverName } from '#shared/model/guest.ts';

const Path = z.string().min(1);

/** What the configuration can say of a driver of any kind. */
const OF_ANY = {
  name: DriverName.optional().meta({
    description: 'How it is called here; without it, its kind. Two of one kind need it.',
  }),
  imageFolder: Path.optional().meta({
    description: 'Folder of the images that guests can be created from; without it none can.',
  }),
};

const FakeGuestConfig = FakeDefinition.omit({ id: true }).partial().required({ name: true }).extend({
  autostart: z.boolean().optional(),
  running: z.boolean().optional(),
});

const FakeConfig = z.strictObject({
  kind: z.literal('fake').meta({ description: 'Guests that are none: for trying out, and for scale.' }),
  ...OF_ANY,
  guests: z
    .union([z.int().min(0).max(100_000), z.array(FakeGuestConfig)])
    .default(4)
    .meta({ description: 'Guests at first: how many, or a list of them with what each is.' }),
  bootMs: z.int().min(0).default(2_000).meta({ description: 'How long a guest takes to boot.' }),
  shutdownMs: z.int().min(0).default(1_000).meta({ description: 'How long it takes to shut down.' }),
  changeMs: z
    .int()
    .min(0)
    .default(0)
    .meta({ description: 'How long the hypervisor takes for each change; it takes effect in the middle.' }),
  stateFile: Path.optional().meta({ description: 'Keeps guests over restarts, and counts what was done to them.' }),
});

const LibvirtConfig = z.strictObject({
  kind: z.literal('libvirt').meta({ description: 'Through virsh.' }),
  ...OF_ANY,
  uri: z
    .string()
    .refine((uri) => uriProblem(uri) === undefined, { error: ({ input }) => uriProblem(String(input)) })
    .default('qemu:///system')
    .meta({ description: 'Connection URI: `qemu:///system`, `lxc:///system`, `xen:///system`.' }),
  consoleFolder: Path.optional().meta({
    description: 'Where console logs of guests that Skerry defines go; libvirt must be able to write there.',
  }),
  diskFolder: Path.optional().meta({
    description:
      'Where disks of guests that Skerry creates and clones go, and roots of containers that are given none; libvirt must be able to read there. Without it, `/var/lib/libvirt/images`, of containers `/var/lib/libvirt/filesystems`.',
  }),
});

const ZonesConfig = z.strictObject({
  kind: z.literal('zones').meta({ description: 'Zones of illumos, by its own commands, as root in the global zone.' }),
  ...OF_ANY,
  zonesFolder: Path.regex(/^\/./, 'a whole path is due').default('/export/zones').meta({
    description: 'Where zones have their roots, a folder for each.',
  }),
  packageCache: Path.regex(/^\/./, 'a whole path is due').default('/var/zap/cache').meta({
    description: 'Packages that zap has fetched: zones of Tribblix see them.',
  }),
  terminal: z.tuple([Path], z.string()).optional().meta({
    description:
      'The program, and its first arguments, that gives `zlogin -C` a terminal to run on; without it, Python with its module pty.',
  }),
});

const LxcConfig = z.strictObject({
  kind: z.literal('lxc').meta({ description: "Zones of Linux, by LXC's own tools; the agent runs as root." }),
  ...OF_ANY,
  folder: Path.default('/var/lib/lxc').meta({ description: "LXC's folder, which has a folder for each zone." }),
  logFolder: Path.default('/var/log/lxc').meta({
    description: 'Where logs of starts and of consoles go, where the configuration of a zone names no other place.',
  }),
  unprivileged: z.boolean().default(true).meta({
    description:
      'The root of zones that Skerry makes is a user without rights on the host, where the host allows that; else it is the root of the host.',
  }),
  usersFrom: z
    .int()
    .min(1)
    .max(4_294_000_000)
    .default(100_000)
    .meta({ description: 'The first of the 65,536 users of the host that stand for those of unprivileged zones.' }),
});

export const DriverConfig = z.discriminatedUnion('kind', [LibvirtConfig, LxcConfig, ZonesConfig, FakeConfig]);
export type DriverConfig = z.infer<typeof DriverConfig>;

/** What a driver is called: its guests say so, and verbs name it so. */
export const nameOfDriver = ({ name, kind }: DriverConfig): string => name ?? kind;
