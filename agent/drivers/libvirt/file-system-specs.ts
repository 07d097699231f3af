import { Failure } from '#shared/errors.ts';
import { parseSpec, type SpecShape } from './device-specs.ts';
import { el, type Sketch } from './xml.ts';

const SHAPE: SpecShape = {
  kind: 'disk',
  shape: 'PATH of a folder[,target=FOLDER in the guest][,readonly]; one is its root, without a target',
  options: { target: 'any', readonly: ['true'] },
};

/**
 * The `<filesystem>` elements that the short form's disks mean in a container: folders of the host, one of them its root.
 *
 * @throws Failure guest-definition, naming the disk and what would be right
 */
export function fileSystemsOf(specs: readonly string[]): Sketch[] {
  const targets = new Set<string>();
  const sketches = specs.map((spec) => {
    const { first: path, options, wrong } = parseSpec(spec, SHAPE);
    const target = options.get('target') ?? '/';
    for (const [word, folder] of [
      ['path', path],
      ['target', target],
    ] as const)
      if (!folder.startsWith('/')) throw wrong(`the ${word} must begin with /`);
    if (targets.has(target)) throw wrong(target === '/' ? 'it has a root already' : `${target} is taken`);
    targets.add(target);
    return el(
      'filesystem',
      { type: 'mount', accessmode: 'passthrough' },
      el('source', { dir: path }),
      el('target', { dir: target }),
      ...(options.has('readonly') ? [el('readonly')] : []),
    );
  });
  if (!targets.has('/'))
    throw new Failure('guest-definition', { problem: `none of its disks is its root; write ${SHAPE.shape}` });
  return sketches;
}
