import { graphOf } from '#test/unit/support/chains/notation.ts';
import { player } from '#test/unit/support/chains/player.ts';
import { type Family, parted } from './family.ts';

const range = (least: number, most: number): number[] =>
  Array.from({ length: Math.max(0, most - least + 1) }, (_, at) => least + at);
const members = (count: number): string[] => range(1, count).map((n) => `m${n}`);

export const bounds: Family = {
  name: 'bounds',
  about: [
    'How many members of a group start at once: whenever all that were asked have come up, the next ones are asked.',
    'Rule: one to eight members, a bound of one to eight.',
  ],
  questions: () =>
    range(1, 8).flatMap((count) =>
      range(1, 8).map(
        (most) => `${[...members(count), `g = ${members(count).join(' ')} : at-once ${most}`].join('; ')} | up`,
      ),
    ),
  play: (question) => {
    const { lines } = parted(question);
    const names = lines.slice(0, -1);
    const p = player(graphOf(...lines));
    p.at(0, `${names.join(' ')} is down; up`);
    const sizes: number[] = [];
    for (let ms = 1; p.step.actions.length > 0; ms++) {
      sizes.push(p.step.actions.length);
      p.at(ms, `${p.step.actions.map(({ node }) => node).join(' ')} works`);
    }
    return `${sizes.join(' ')}: ${p.run.outcome}`;
  },
  oracle: (question) => {
    const { lines } = parted(question);
    const most = Number(question.match(/at-once (\d+)/)?.[1]);
    const sizes: number[] = [];
    for (let left = lines.length - 1; left > 0; left -= most) sizes.push(Math.min(left, most));
    return `${sizes.join(' ')}: done`;
  },
};

export const retries: Family = {
  name: 'retries',
  about: [
    'When a node is started, in seconds, whose first starts are refused at once: the pause doubles, up to five minutes.',
    'Rule: none to eight retries, a pause of 1s, 5s or 90s, and every number of refusals that makes a difference.',
  ],
  questions: () =>
    [0, 1, 2, 3, 5, 8].flatMap((count) =>
      ['1s', '5s', '90s'].flatMap((delay) =>
        range(0, count + 1).map((bad) => `a : retries ${count} ${delay} | ${bad} refused`),
      ),
    ),
  play: (question) => {
    const { lines, words } = parted(question);
    const p = player(graphOf(...lines));
    const starts: number[] = [0];
    p.at(0, 'a is down; up');
    for (let bad = Number(words[0]), ms = 0; bad > 0 && !p.run.outcome; bad--) {
      p.at(ms, 'a no');
      if (p.run.outcome) break;
      ms = p.step.wakeAt ?? Number.NaN;
      p.at(ms - 1);
      if (p.step.actions.length > 0) throw new Error('too early');
      p.at(ms);
      starts.push(ms / 1_000);
    }
    if (!p.run.outcome) p.at(1e9, 'a works');
    return `${starts.join(' ')}: ${p.run.outcome}`;
  },
  oracle: (question) => {
    const [, count = 0, delay = 0, bad = 0] = (/retries (\d+) (\d+)s \| (\d+)/.exec(question) ?? []).map(Number);
    const starts = [0];
    for (let n = 0; n < Math.min(count, bad); n++) starts.push((starts[n] ?? 0) + Math.min(300, delay * 2 ** n));
    return `${starts.join(' ')}: ${bad > count ? 'failed' : 'done'}`;
  },
};

export const probes: Family = {
  name: 'probes',
  about: [
    'Whether answers make a node ready that was started at 100s, at 120s: N good ones in a row, from one time to another.',
    'Answers that began before the start count as far as they went on after it, one in two seconds; one from the future is from before a step of the clock.',
    'Rule: one or three needed, 10s or 30s fresh; none to three answers; begun before or after the start; last heard at several times.',
  ],
  questions: () =>
    [1, 3].flatMap((need) =>
      [10, 30].flatMap((fresh) =>
        [0, 1, 2, 3].flatMap((good) =>
          (good === 0
            ? [[0, 0]]
            : [
                [90, 99],
                [90, 101],
                [99, 104],
                [90, 106],
                [100, 109],
                [101, 110],
                [105, 120],
                [119, 120],
                [119, 121],
                [130, 140],
              ]
          ).map(([from, to]) => `a : answers ${need} ${fresh}s | ${good} from ${from}s to ${to}s`),
        ),
      ),
    ),
  play: (question) => {
    const { lines, words } = parted(question);
    const [good = 0, from = 0, to = 0] = [words[0], words[2], words[4]].map((word) => Number.parseInt(word ?? '', 10));
    const p = player(graphOf(...lines));
    p.at(100_000, 'a is down; up');
    p.at(119_000, 'a works');
    p.hear('a', good > 0 ? { good, from: from * 1_000, at: to * 1_000 } : undefined);
    p.at(120_000);
    return p.node('a').phase;
  },
  oracle: (question) => {
    const [need = 0, fresh = 0, good = 0, from = 0, to = 0] = (question.match(/\d+/g) ?? []).map(Number);
    const heard = from >= 100 ? good : Math.min(good, Math.floor((to - 100) / 2));
    const isRecent = to <= 120 && 120 - to <= fresh;
    return good > 0 && heard >= need && isRecent ? 'ready' : 'started';
  },
};

export const keeps: Family = {
  name: 'keeps',
  about: [
    'How often a kept node is started again that is lost after so many seconds, each time as soon as it is back.',
    'Rule: one to three losses within 10s; four losses, with every row of gaps of 1s, 4s and 11s.',
  ],
  questions: () =>
    [1, 2, 3].flatMap((most) =>
      [1, 4, 11].flatMap((a) =>
        [1, 4, 11].flatMap((b) => [1, 4, 11].map((c) => `a : keep ${most} 10s | lost after 1s ${a}s ${b}s ${c}s`)),
      ),
    ),
  play: (question) => {
    const { lines, words } = parted(question);
    const p = player(graphOf(...lines));
    p.at(0, 'a is up; up');
    let ms = 0;
    let starts = 0;
    for (const gap of words.slice(2)) {
      ms += Number.parseInt(gap, 10) * 1_000;
      if (p.node('a').phase !== 'ready') break;
      p.at(ms, 'a is down');
      if (p.step.actions.length === 0) break;
      starts++;
      p.at(ms, 'a works');
    }
    return `${starts} ${p.node('a').phase}`;
  },
  oracle: (question) => {
    const [most = 0, within = 0, ...gaps] = (question.match(/\d+/g) ?? []).map(Number);
    const times = gaps.map((_, at) => gaps.slice(0, at + 1).reduce((sum, gap) => sum + gap, 0));
    const bad = times.findIndex(
      (time, at) => times.slice(0, at + 1).filter((other) => time - other < within).length > most,
    );
    return bad < 0 ? `${times.length} ready` : `${bad} failed`;
  },
};
