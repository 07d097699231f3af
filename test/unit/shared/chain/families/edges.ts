import { graphOf } from '#test/unit/support/chains/notation.ts';
import { player } from '#test/unit/support/chains/player.ts';
import { type Family, parted } from './family.ts';

/** How `a`, which must answer as ready, comes to be so; each step a second after the one before. */
const SCENES: Readonly<Record<string, readonly string[]>> = {
  asked: [],
  'asked, its host lost': ['a is unknown'],
  'asked, answered': ['a ok'],
  up: ['a works'],
  'up, its host lost': ['a works', 'a is unknown'],
  ready: ['a works; a answers'],
  'ready, then silent': ['a works; a answers', 'a is silent'],
  'ready, its host lost': ['a works; a answers', 'a is unknown'],
  'ready, then down': ['a works; a answers', 'a is down'],
  refused: ['a no'],
  'taken down': ['down a'],
};

/** When a node that waits for `a` so may start. */
const MAY: Readonly<Record<string, readonly string[]>> = {
  '': ['ready'],
  '(started)': ['up', 'ready', 'ready, then silent'],
};
/** When `a` is given up, unless it may be tried again. */
const LOST = ['ready, then down', 'refused'];

export const edges: Family = {
  name: 'edges',
  about: [
    'Whether b starts, waits or is blocked, by how it waits for a and what has become of a.',
    'Rule: each kind of edge, each situation of a, without and with one retry of a. b is held until then.',
  ],
  questions: () =>
    ['', '(started)', '(soft)', '(started soft)'].flatMap((kind) =>
      ['', ', retries 1'].flatMap((retries) =>
        Object.keys(SCENES).map(
          (scene) => `a : answers, on-failure continue${retries}; b <- a${kind} : hold | ${scene}`,
        ),
      ),
    ),
  play: (question) => {
    const { lines } = parted(question);
    const p = player(graphOf(...lines));
    const scene = question.split(' | ')[1] ?? '';
    p.at(0, 'a b are down; up');
    for (const [at, words] of (SCENES[scene] ?? []).entries()) p.at((at + 1) * 1_000, words);
    p.at(4_000, 'release b');
    const { phase } = p.node('b');
    return { starting: 'starts', waiting: 'waits', blocked: 'blocked', stopped: 'stopped' }[phase as string] ?? phase;
  },
  oracle: (question) => {
    const scene = question.split(' | ')[1] ?? '';
    const isSoft = /soft\)/.test(question);
    const isLost = LOST.includes(scene) && !question.includes('retries');
    if (scene === 'taken down') return isSoft ? 'starts' : 'stopped';
    if (isLost) return isSoft ? 'starts' : 'blocked';
    return MAY[/a\(started/.test(question) ? '(started)' : '']?.includes(scene) ? 'starts' : 'waits';
  },
};
