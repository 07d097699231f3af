import assert from 'node:assert/strict';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { centralVerbs } from '#shared/verbs/central.ts';
import { until } from '#test/system/support/until.ts';
import type { Machines } from './machines.ts';
import type { Outsider } from './outsider.ts';

/** An agent that has just been started takes its time to be heard, on an emulated machine half a minute and more. */
const HEARD_MS_MAX = 5 * 60_000;

/** A site of Vagrant's machines that is up. */
export interface Scene {
  machines: Machines;
  operator: Outsider;
  agents: number;
  /** The tree that is synced. */
  clone: string;
}

/** What is done with it: a name for the log, and how. */
export type Step = readonly [name: string, act: (scene: Scene) => Promise<void>];

const NODES = ['venti', 'fossil', 'cpu1', 'cpu2'];
const isOn = (host: string): RegExp => new RegExp(`^Host: +${host}$`, 'm');

const heard: Step = [
  'all hosts are heard',
  async ({ operator, agents }) => {
    for (let n = 1; n <= agents; n++) {
      const isUp = async () => /^State: +up$/m.test(await operator.skerry('host', 'info', `agent-${n}`)) || undefined;
      await until(`agent-${n} is heard`, isUp, HEARD_MS_MAX);
    }
  },
];

/** Where central has the verb: there and back again, as the grid wants it on the first host. */
const moved: readonly Step[] = Object.hasOwn(centralVerbs, 'guest.migrate')
  ? [
      [
        'it moves live to the last host, and back',
        async ({ operator, agents }) => {
          for (const host of [`agent-${agents}`, 'agent-1']) {
            await operator.skerry('guest', 'migrate', 'venti', `to=${host}`);
            const info = await operator.skerry('guest', 'info', 'venti');
            assert.match(info, isOn(host));
            assert.match(info, /^State: +running$/m);
          }
        },
      ],
    ]
  : [];

/** The whole of a site's life, in turn. */
export const SITE_STEPS: readonly Step[] = [
  heard,
  [
    'make-grid on central_server',
    async ({ machines }) => assert.match(await machines.on('central_server', 'make-grid'), /grid .* nodes: 6/),
  ],
  [
    'an operator starts a nested guest on agent-1 by chat',
    async ({ operator }) => {
      assert.match(await operator.chat('guest start venti', /venti .* running|failed/), /running/);
      assert.match(await operator.skerry('guest', 'info', 'venti'), isOn('agent-1'));
    },
  ],
  ...moved,
  [
    'powered off again',
    async ({ operator }) => assert.match(await operator.skerry('guest', 'poweroff', 'venti', '--yes'), /shutoff/),
  ],
  [
    'chain up grid, over both hosts',
    async ({ operator, agents }) => {
      await operator.skerry('chain', 'up', 'grid');
      assert.match(await operator.skerry('chain', 'status', 'grid'), /(ready.*){6}/s);
      const running = await operator.skerry('guest', 'list', 'state:running');
      for (const name of NODES) assert.match(running, new RegExp(`^${name} .*`, 'm'));
      assert.match(await operator.skerry('guest', 'info', 'cpu1'), isOn(`agent-${agents}`));
    },
  ],
  [
    'chain down grid',
    async ({ operator }) => {
      await operator.skerry('chain', 'down', 'grid', '--yes');
      assert.doesNotMatch(await operator.skerry('guest', 'list', 'state:running'), /venti|fossil|cpu/);
    },
  ],
];

/** The service of a machine in development: where its sources change, its program begins again. */
const changes = (name: string, part: 'agent' | 'central'): Step => [
  `a change of ${part}/ reaches ${name}, which begins again with it`,
  async ({ machines, clone }) => {
    const unit = `skerry-${part}`;
    const program = () => machines.on(name, `pgrep -P $(systemctl show -P MainPID ${unit}) -f ${part}/main.ts || true`);
    const before = await program();
    assert.match(before, /^\d+$/);
    const mark = `a change of ${part} at ${Date.now()}`;
    await appendFile(join(clone, part, 'main.ts'), `process.stdout.write(${JSON.stringify(`${mark}\n`)});\n`);
    await machines.vagrant('rsync', name);
    const isNew = async () =>
      (await machines.on(name, `journalctl -u ${unit} --no-pager`)).includes(mark) && (await program()) !== before;
    await until(`${unit} begins again`, async () => (await isNew()) || undefined, HEARD_MS_MAX);
  },
];

/** What development adds, tried on one host. */
export const DEV_STEPS: readonly Step[] = [
  heard,
  changes('agent_1', 'agent'),
  changes('central_server', 'central'),
  heard,
];
