import { Failure } from '#shared/errors.ts';
import { NicWanted } from '#shared/model/nic.ts';
import { el, type Sketch } from './xml.ts';

/** `a,b=c` as its first part and its options; an option without a value is `true`. */
interface Spec {
  first: string;
  options: Map<string, string>;
}

const DISK_SHAPE = 'PATH[,format=qcow2|raw][,bus=virtio|scsi|sata][,readonly]';
const NIC_SHAPE =
  'bridge=NAME or network=NAME, then [,mac=MAC][,model=virtio|e1000e|rtl8139][,target=LINK][,mtu=BYTES]';
const CHOICES: Readonly<Record<string, readonly string[]>> = {
  format: ['qcow2', 'raw'],
  bus: ['virtio', 'scsi', 'sata'],
  readonly: ['true'],
  model: ['virtio', 'e1000e', 'rtl8139'],
};

/**
 * The `<disk>` elements that the short form means, and the controllers that they need.
 *
 * @throws Failure guest-definition, naming the disk and what would be right
 */
export function disksOf(specs: readonly string[]): Sketch[] {
  const lettered = { vd: 0, sd: 0 };
  const disks = specs.map((spec): { bus: string; disk: Sketch } => {
    const { first: path, options } = parseSpec('disk', spec, DISK_SHAPE, ['format', 'bus', 'readonly']);
    if (!path.startsWith('/')) throw wrong('disk', spec, 'the path must begin with /', DISK_SHAPE);
    const bus = options.get('bus') ?? 'virtio';
    const prefix = bus === 'virtio' ? 'vd' : 'sd';
    return { bus, disk: diskOf(path, options, bus, prefix + lettersOf(lettered[prefix]++)) };
  });
  const scsi = disks.some(({ bus }) => bus === 'scsi')
    ? [el('controller', { type: 'scsi', model: 'virtio-scsi' })]
    : [];
  return [...disks.map(({ disk }) => disk), ...scsi];
}

function diskOf(path: string, options: Map<string, string>, bus: string, device: string): Sketch {
  const isDevice = path.startsWith('/dev/');
  const format = options.get('format') ?? (path.endsWith('.qcow2') ? 'qcow2' : 'raw');
  const readOnly = options.has('readonly');
  const cdrom = readOnly && bus === 'sata'; // a SATA disk cannot be read-only in QEMU
  return el(
    'disk',
    { type: isDevice ? 'block' : 'file', device: cdrom ? 'cdrom' : 'disk' },
    el('driver', { name: 'qemu', type: format }),
    el('source', isDevice ? { dev: path } : { file: path }),
    el('target', { dev: device, bus }),
    ...(readOnly ? [el('readonly')] : []),
  );
}

/** a to z, then aa. */
function lettersOf(index: number): string {
  const last = String.fromCharCode(97 + (index % 26));
  return index < 26 ? last : lettersOf(Math.floor(index / 26) - 1) + last;
}

/**
 * The `<interface>` element that the short form means.
 *
 * @throws Failure guest-definition, naming the nic and what would be right
 */
export function nicOf(spec: string): Sketch {
  const { first, options } = parseSpec('nic', spec, NIC_SHAPE, ['mac', 'model', 'target', 'mtu']);
  const [, type, name] = /^(bridge|network)=(.+)$/u.exec(first) ?? [];
  if (type === undefined || name === undefined)
    throw wrong('nic', spec, 'it names no bridge and no network', NIC_SHAPE);
  const mac = options.get('mac')?.toLowerCase();
  if (mac !== undefined && !/^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/.test(mac)) {
    throw wrong('nic', spec, `"${mac}" is not the MAC address of one card, such as 52:54:00:12:34:56`, NIC_SHAPE);
  }
  const link = options.get('target');
  const linkWanted = NicWanted.shape.link.safeParse(link);
  if (link !== undefined && !linkWanted.success)
    throw wrong('nic', spec, `"${link}" is no name for its link: ${linkWanted.error.issues[0]?.message}`, NIC_SHAPE);
  const mtu = options.get('mtu');
  if (mtu !== undefined && !(/^\d+$/.test(mtu) && NicWanted.shape.mtu.safeParse(Number(mtu)).success))
    throw wrong('nic', spec, `mtu is a number from 576 to 65535, not "${mtu}"`, NIC_SHAPE);
  return el(
    'interface',
    { type },
    ...(mac === undefined ? [] : [el('mac', { address: mac })]),
    el('source', { [type]: name }),
    ...(link === undefined ? [] : [el('target', { dev: link })]),
    el('model', { type: options.get('model') ?? 'virtio' }),
    ...(mtu === undefined ? [] : [el('mtu', { size: mtu })]),
  );
}

function parseSpec(kind: string, spec: string, shape: string, known: readonly string[]): Spec {
  const [first = '', ...rest] = spec.split(',');
  if (first === '') throw wrong(kind, spec, 'it is empty', shape);
  const options = new Map<string, string>();
  for (const part of rest) {
    const [key = '', value = 'true'] = part.split(/=(.*)/su);
    if (!known.includes(key)) throw wrong(kind, spec, `there is no option "${key}"`, shape);
    if (options.has(key)) throw wrong(kind, spec, `${key} is given twice`, shape);
    const choices = CHOICES[key];
    if (choices && !choices.includes(value)) {
      throw wrong(kind, spec, `${key} is one of ${choices.join(', ')}, not "${value}"`, shape);
    }
    options.set(key, value);
  }
  return { first, options };
}

const wrong = (kind: string, spec: string, problem: string, shape: string): Failure =>
  new Failure('guest-definition', { problem: `${kind} "${spec}": ${problem}; write ${shape}` });
