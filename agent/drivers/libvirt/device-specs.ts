import { Failure } from '#shared/errors.ts';
import { NicWanted } from '#shared/model/nic.ts';
import type { Hypervisor } from './hypervisor.ts';
import { el, type Sketch } from './xml.ts';

/** What a word of the short form for a device can say. */
export interface SpecShape {
  kind: 'disk' | 'nic';
  /** As it is to be written, for people. */
  shape: string;
  /** Options, and what each may be. */
  options: Readonly<Record<string, readonly string[] | 'any'>>;
}

/** `a,b=c` as its first part and its options; an option without a value is `true`. */
export interface Spec {
  first: string;
  options: Map<string, string>;
  /** For messages. */
  wrong(problem: string): Failure;
}

type Buses = Readonly<Record<string, string>>;

/**
 * The `<disk>` elements that the short form means, and the controllers that they need.
 *
 * @throws Failure guest-definition, naming the disk and what would be right
 */
export function disksOf(specs: readonly string[], buses: Buses): Sketch[] {
  const names = Object.keys(buses);
  const shape: SpecShape = {
    kind: 'disk',
    shape: `PATH[,format=qcow2|raw][,bus=${names.join('|')}][,readonly]`,
    options: { format: ['qcow2', 'raw'], bus: names, readonly: ['true'] },
  };
  const lettered = new Map<string, number>();
  const disks = specs.map((spec): { bus: string; disk: Sketch } => {
    const { first: path, options, wrong } = parseSpec(spec, shape);
    if (!path.startsWith('/')) throw wrong('the path must begin with /');
    const bus = options.get('bus') ?? names[0] ?? '';
    const prefix = buses[bus] ?? '';
    const letter = lettered.get(prefix) ?? 0;
    lettered.set(prefix, letter + 1);
    return { bus, disk: diskOf(path, options, bus, prefix + lettersOf(letter)) };
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
export function nicOf(spec: string, { model: usual, models }: Pick<Hypervisor['nics'], 'model' | 'models'>): Sketch {
  const { first, options, wrong } = parseSpec(spec, nicShape(models));
  const [, type, name] = /^(bridge|network)=(.+)$/u.exec(first) ?? [];
  if (type === undefined || name === undefined) throw wrong('it names no bridge and no network');
  const mac = options.get('mac')?.toLowerCase();
  if (mac !== undefined && !/^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/.test(mac))
    throw wrong(`"${mac}" is not the MAC address of one card, such as 52:54:00:12:34:56`);
  const link = options.get('target');
  const linkWanted = NicWanted.shape.link.safeParse(link);
  if (link !== undefined && !linkWanted.success)
    throw wrong(`"${link}" is no name for its link: ${linkWanted.error.issues[0]?.message}`);
  const mtu = options.get('mtu');
  if (mtu !== undefined && !(/^\d+$/.test(mtu) && NicWanted.shape.mtu.safeParse(Number(mtu)).success))
    throw wrong(`mtu is a number from 576 to 65535, not "${mtu}"`);
  const model = options.get('model') ?? usual;
  return el(
    'interface',
    { type },
    ...(mac === undefined ? [] : [el('mac', { address: mac })]),
    el('source', { [type]: name }),
    ...(link === undefined ? [] : [el('target', { dev: link })]),
    ...(model === undefined ? [] : [el('model', { type: model })]),
    ...(mtu === undefined ? [] : [el('mtu', { size: mtu })]),
  );
}

const nicShape = (models: readonly string[]): SpecShape => ({
  kind: 'nic',
  shape: `bridge=NAME or network=NAME, then [,mac=MAC]${models.length > 0 ? `[,model=${models.join('|')}]` : ''}[,target=LINK][,mtu=BYTES]`,
  options: { mac: 'any', ...(models.length > 0 ? { model: models } : {}), target: 'any', mtu: 'any' },
});

/** @throws Failure guest-definition */
export function parseSpec(spec: string, { kind, shape, options: known }: SpecShape): Spec {
  const wrong = (problem: string): Failure =>
    new Failure('guest-definition', { problem: `${kind} "${spec}": ${problem}; write ${shape}` });
  const [first = '', ...rest] = spec.split(',');
  if (first === '') throw wrong('it is empty');
  const options = new Map<string, string>();
  for (const part of rest) {
    const [key = '', value = 'true'] = part.split(/=(.*)/su);
    const choices = Object.hasOwn(known, key) ? known[key] : undefined;
    if (choices === undefined) throw wrong(`there is no option "${key}"`);
    if (options.has(key)) throw wrong(`${key} is given twice`);
    if (choices !== 'any' && !choices.includes(value))
      throw wrong(`${key} is one of ${choices.join(', ')}, not "${value}"`);
    options.set(key, value);
  }
  return { first, options, wrong };
}
