import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import xml from '@xmpp/xml';
import { execa } from 'execa';
import { before, describe, it } from 'mocha';
import { HOSTS } from '#provisioning/rig/plan.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';
import { runVerb } from '#shared/xmpp/commands-client.ts';
import { type Person, rigPerson } from './support/person.ts';
import { MAIN, type TestRig, testRig, until } from './support/rig.ts';

const [HALL, ANNEX] = HOSTS.map(({ zones: [zone] }) => zone);

describe('zones of LXC in the rig', function () {
  this.timeout(120_000);
  let rig: TestRig;
  let admin: Person;

  /** What is behind `--` are the program's words: what names the rig goes before. */
  const exec = async (...argv: string[]): Promise<{ exitCode?: number; stdout: string; stderr: string }> =>
    execa(process.execPath, [MAIN, 'guest', 'exec', '--dir', rig.dir, '--json', '--yes', 'hall', '--', ...argv], {
      reject: false,
    });
  const hall = async (): Promise<Record<string, unknown>> =>
    JSON.parse(await rig.does('guest', 'info', 'hall', '--json'));
  const comesTo = (state: string) => until(`hall is ${state}`, async () => (await hall()).state === state);
  /** A program on a host of the rig. */
  const onHost = (host: string, ...argv: string[]) =>
    execa('nsenter', ['-t', `${rig.hostPid(host)}`, '-a', '--', ...argv], { reject: false, timeout: 20_000 });
  const initOf = async (): Promise<number> => Number((await onHost('host1', 'lxc-info', '-n', 'hall', '-pH')).stdout);
  /** Say something to central, and hear the answer. */
  const chat = async (body: string, answer: RegExp): Promise<void> => {
    const count = admin.seen.length;
    await admin.send(xml('message', { to: rig.central, type: 'chat' }, xml('body', {}, body)));
    await admin.sees(
      `an answer to ${body}`,
      (stanza) => admin.seen.indexOf(stanza) >= count && answer.test(stanza.getChildText('body') ?? ''),
    );
  };

  before(async () => {
    rig = await testRig();
    admin = await rigPerson(rig, 'admin');
    await admin.send(xml('presence'));
  });

  it('stand in one list with the guests of libvirt', async () => {
    const all = JSON.parse(await rig.does('guest', 'list', '--json')) as {
      name: string;
      driver: string;
      host: string;
    }[];
    const kinds = new Map(all.map(({ name, driver, host }) => [name, `${driver} on ${host}`]));
    assert.equal(kinds.get('venti'), 'libvirt on host1');
    assert.equal(kinds.get('hall'), 'lxc on host1');
    assert.equal(kinds.get('annex'), 'lxc on host2');
  });

  it('start by the command line, and serve on the private network over both hosts', async () => {
    await rig.does('guest', 'start', 'hall');
    await rig.does('guest', 'start', 'annex');
    assert.equal((await hall()).state, 'running');
    // Both run; their address and their server come a moment later.
    await until('the other one serves', async () =>
      /a zone of Skerry/.test((await exec('wget', '-q', '-O', '-', `http://${ANNEX?.address}/`)).stdout),
    );
    await until('its address is known', async () => String((await hall()).addresses).includes(HALL?.address ?? '?'));
  });

  it('have a root that is nobody on their host', async () => {
    const { stdout } = await onHost('host1', 'cat', `/proc/${await initOf()}/uid_map`);
    assert.match(stdout, /^\s*0\s+100000\s+65536$/);
  });

  it('freeze and thaw by chat', async () => {
    await chat('guest suspend hall', /hall · paused/);
    assert.equal((await hall()).state, 'paused');
    const { exitCode, stdout, stderr } = await exec('true');
    assert.equal(exitCode, 1, 'what would hang is refused');
    assert.match(stdout + stderr, /hall is paused/);
    await chat('guest resume hall', /hall · running/);
  });

  it('are limited by a form while they run', async () => {
    const agent = rig.agentJid('host1');
    const { 'guest.set': set } = agentVerbs;
    await runVerb(admin.entity, agent, 'guest.set', set, { guest: 'hall', memoryMiB: 48, vcpus: 1 });
    await until('its limit is known', async () => (await hall()).memoryMiB === 48);
    // It keeps all that it reads.
    const greedy = JSON.parse((await exec('tail', '/dev/zero')).stdout) as { signal?: number };
    assert.equal(greedy.signal, 9);
  });

  it('are seen to be off when somebody kills them, and start again', async () => {
    const pid = await initOf();
    await onHost('host1', 'kill', '-9', `${pid}`);
    await comesTo('shutoff');
    await rig.does('guest', 'start', 'hall');
    assert.notEqual(await initOf(), pid);
  });

  it('shut down when they are asked, and are cloned', async () => {
    await rig.does('guest', 'shutdown', 'hall', 'waitS=60');
    await comesTo('shutoff');
    await rig.does('guest', 'clone', 'hall', 'hall-2');
    await rig.does('guest', 'start', 'hall-2');
    await rig.does('guest', 'poweroff', 'hall-2', '--yes');
    await rig.does('guest', 'delete', 'hall-2', '--yes');
  });

  it('are there again, and off, on a host that was cut off from power; its cgroups are gone', async () => {
    await rig.does('guest', 'start', 'hall');
    const group = groupOf(rig.hostPid('host1'));
    assert.ok(existsSync(group), group);
    await rig.cutPower('host1');
    await comesTo('shutoff');
    await until('its group of before is gone', () => !existsSync(group));
    await rig.does('guest', 'start', 'hall');
    await rig.does('guest', 'poweroff', 'hall', '--yes');
    await rig.does('guest', 'poweroff', 'annex', '--yes');
  });
});

/** The cgroup that a host of the rig begins at, in the first hierarchy of this machine. */
function groupOf(pid: number): string {
  const [first = ''] = readFileSync(`/proc/${pid}/cgroup`, 'utf8').split('\n');
  const [, controllers = '', path = ''] = first.split(':');
  return join('/sys/fs/cgroup', controllers.replace('name=', ''), path);
}
