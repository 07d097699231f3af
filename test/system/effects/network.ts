import assert from 'node:assert/strict';
import { execa } from 'execa';
import { HOSTS, NETWORK, ROUTER, UNDERLAY } from '#provisioning/rig/plan.ts';
import { until } from '../support/rig.ts';
import { boot, type Effect, GUEST, HOST, type Scene } from './effect.ts';

const ADDRESS = HOSTS.flatMap(({ guests }) => guests).find(({ name }) => name === GUEST)?.address ?? '';
const OTHER = HOSTS.find(({ name }) => name !== HOST) ?? { name: '', address: '' };
const BRIDGE = `sk-${NETWORK.name}`;

/** What a program in the host says: the kernel's own word, beside Skerry. */
const inHost = async ({ rig }: Scene, ...argv: string[]): Promise<string> =>
  (await execa('nsenter', ['-t', `${rig.part(HOST).pid}`, '-a', '--', ...argv], { timeout: 20_000 })).stdout;

/** MAC of GUEST's interface, and the host's end of it, while it runs. */
async function portOf({ virsh }: Scene): Promise<{ mac: string; link: string }> {
  const listed = await virsh('domiflist', GUEST);
  const [, link = '', mac = ''] =
    new RegExp(`^\\s*(\\S+)\\s+bridge\\s+${BRIDGE}\\s+\\S+\\s+(\\S+)$`, 'm').exec(listed) ?? [];
  assert.notEqual(mac, '', listed);
  return { mac, link };
}

/** Verbs of networks and routers as they are on one host. */
export const networkEffects = {
  'network.list': async (scene) => {
    const answer = await scene.ask('network.list', {});
    const mtu = /\bmtu (\d+)/.exec(await inHost(scene, 'ip', 'link', 'show', BRIDGE))?.[1];
    // A line of chat, or a line a field.
    assert.match(
      answer,
      new RegExp(`${NETWORK.name}( · |\\n)(kind: )?nat( · |\\n)(state: )?up( · |\\n)(link: )?${BRIDGE}\\b`),
    );
    assert.match(answer, new RegExp(`MTU: ?${mtu}\\b|MTU ${mtu}\\b`, 'i'));
    assert.match(
      answer,
      new RegExp(`outside( · |\\n)(kind: )?outside( · |\\n)(state: )?up( · |\\n)(link: )?${UNDERLAY}\\b`),
    );
  },
  'network.examine': async (scene) => {
    await boot(scene);
    const { mac, link } = await portOf(scene);
    assert.ok(
      (await inHost(scene, 'nft', 'list', 'set', 'bridge', 'skerry', 'senders')).includes(`"${link}" . ${mac}`),
    );
    const answer = await scene.ask('network.examine', { network: NETWORK.name, mac });
    assert.match(answer, new RegExp(`(link: | · )${link}\\b`));
    assert.match(answer, GUARDED);
    assert.doesNotMatch(answer, LOST);
    const stranger = '52:54:00:63:02:01';
    assert.doesNotMatch(await scene.ask('network.examine', { network: NETWORK.name, mac: stranger }), GUARDED);
    if (scene.surface === 'cli') await losesAHost(scene);
    if (scene.surface !== 'form') return;
    await scene.rig.ensureOff(HOST, GUEST);
    // Its guard stays for the next start; its link does not.
    assert.doesNotMatch(await scene.ask('network.examine', { network: NETWORK.name, mac }), new RegExp(link));
  },
  'network.leases': async (scene) => {
    await boot(scene);
    const { mac } = await portOf(scene);
    await until('it has asked for its address', async () =>
      (await scene.ask('network.leases', { network: NETWORK.name })).includes(ADDRESS),
    );
    const answer = await scene.ask('network.leases', { network: NETWORK.name });
    assert.match(answer, new RegExp(`${ADDRESS.replaceAll('.', '\\.')}[^]*${mac}`));
    assert.match(answer, new RegExp(`\\b${GUEST}\\b`));
  },
  'router.list': async (scene) => {
    const answer = await scene.ask('router.list', {});
    const inside = await inHost(scene, 'ip', 'netns', 'exec', `sk-${ROUTER.name}`, 'ip', '-4', 'addr', 'show');
    assert.ok(inside.includes(`inet ${ROUTER.public} `), inside);
    assert.match(answer, new RegExp(`${ROUTER.name}( · |\\n)(state: )?up( · |\\n)(networks: )?.*${NETWORK.name}\\b`));
    assert.ok(answer.includes(ROUTER.public), answer);
  },
} satisfies Record<string, Effect>;

const GUARDED = /guarded yes|isGuarded: (true|1)$/m;
const LOST = new RegExp(`lost.*${OTHER.address.replaceAll('.', '\\.')}`);

/** The other end of the tunnel is told as lost while the cable of its host is out. */
async function losesAHost(scene: Scene): Promise<void> {
  await scene.rig.cutLink(OTHER.name);
  try {
    assert.match(await scene.ask('network.examine', { network: NETWORK.name }), LOST);
  } finally {
    await scene.rig.mendLink(OTHER.name);
  }
  await until(
    'it is reached again',
    async () => !LOST.test(await scene.ask('network.examine', { network: NETWORK.name })),
  );
}
