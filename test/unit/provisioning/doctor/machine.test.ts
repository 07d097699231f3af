import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { stringify } from 'yaml';
import { examineMachine } from '#provisioning/doctor/examine.ts';
import { hypervisor } from '#provisioning/doctor/hypervisor.ts';
import { machineAt } from '#provisioning/doctor/machine.ts';
import { xmppServer } from '#provisioning/doctor/server.ts';
import { secrets, services } from '#provisioning/doctor/services.ts';
import { logs, rooms, versions } from '#provisioning/doctor/system.ts';
import { ensureCertificates } from '#provisioning/pki/certificates.ts';
import { groundAt } from '#provisioning/systemd/ground.ts';
import { Failure } from '#shared/errors.ts';
import type { Finding } from '#shared/model/host.ts';

describe('the doctor on the machine of a server', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'skerry-doctor-'));
    for (const folder of ['etc/skerry', 'etc/ejabberd', 'etc/ssl']) mkdirSync(join(root, folder), { recursive: true });
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const told = (wish: object): void => writeFileSync(join(root, 'etc/skerry/server.yaml'), stringify(wish));
  const certificate = async (to: string): Promise<void> =>
    await rename((await ensureCertificates(join(root, 'made'), 'example.org')).server, join(root, to));
  it('does not have all names but one dropped for a certificate that is not for that', async () => {
    told({ domain: 'example.org', names: ['xmpp.example.org', 'jabber.example.net'] });
    await certificate('etc/ejabberd/skerry.pem');
    const finding = found(await xmppServer(machineAt(groundAt(root))), 'certificate of the server');
    assert.match(finding?.found ?? '', /not for jabber\.example\.net/);
    assert.equal(finding?.mend, './skerry install server');
  });

  it('leaves a certificate of the site’s own to its administrator, and asks for no authority beside it', async () => {
    told({ domain: 'example.net', certificate: '/etc/ssl/site.pem' });
    await certificate('etc/ssl/site.pem');
    const machine = machineAt(groundAt(root));
    const finding = found(await xmppServer(machine), 'certificate of the server');
    assert.equal(finding?.verdict, 'wrong');
    assert.match(finding?.mend ?? '', /^put a new one into \/etc\/ssl\/site\.pem/);
    const checks = (await secrets(machine)).map(({ check }) => check);
    assert.ok(!checks.includes('mode of /etc/skerry/pki'), checks.join(', '));
    told({ domain: 'example.net' });
    assert.ok(found(await secrets(machineAt(groundAt(root))), 'mode of /etc/skerry/pki'));
  });

  it('tells who is not root no more than that', async () => {
    told({ domain: 'example.org' });
    const { getuid } = process;
    process.getuid = () => 1_000;
    try {
      const findings = await examineMachine({ ...groundAt(root), isThisMachine: true });
      assert.deepEqual(
        findings.map(({ check, verdict, mend }) => [check, verdict, mend]),
        [['machine', 'wrong', 'run it as root']],
      );
    } finally {
      process.getuid = getuid as () => number;
    }
  });
});

describe('the doctor on a machine whose configurations name places of their own', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'skerry-doctor-'));
    for (const folder of ['etc/skerry/own', 'srv/agent', 'srv/central'])
      mkdirSync(join(root, folder), { recursive: true });
    const service = { host: 'xmpp.example.org' };
    const agent = { jid: 'host1@example.org', credentials: 'own/account.json', service, state: '/srv/agent' };
    const central = { jid: 'central.example.org', secret: '/srv/central.json', state: '/srv/central' };
    writeFileSync(join(root, 'etc/skerry/agent.yaml'), stringify(agent));
    writeFileSync(join(root, 'etc/skerry/central.yaml'), stringify(central));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it('looks there for secrets and for room', async () => {
    const machine = machineAt(groundAt(root));
    for (const [file, mode] of [
      ['etc/skerry/own/account.json', 0o644],
      ['srv/central.json', 0o600],
    ] as const)
      writeFileSync(join(root, file), '{}', { mode });
    const verdicts = (await secrets(machine)).map(({ check, found }) => `${check}: ${found}`);
    assert.ok(verdicts.includes('mode of /etc/skerry/own/account.json: others can read it'), verdicts.join('\n'));
    assert.ok(verdicts.includes('mode of /srv/agent: others can read it'), verdicts.join('\n'));
    assert.ok(verdicts.some((each) => each.startsWith('mode of /srv/central.json')));
    assert.doesNotMatch(verdicts.join('\n'), /credentials|central-secret|var.lib/);
    const checks = (await rooms(machine)).map(({ check }) => check);
    assert.deepEqual(checks, ['room in /srv/central', 'room in /srv/agent']);
  });

  it('looks where they are by default while a configuration cannot be read', () => {
    writeFileSync(join(root, 'etc/skerry/agent.yaml'), 'a: [');
    assert.equal(machineAt(groundAt(root)).places.credentials, '/etc/skerry/credentials.json');
  });
});

describe('the doctor on the machine of a host', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'skerry-doctor-'));
    for (const folder of ['etc/skerry', 'var/lib/libvirt/images', 'var/lib/lxc', 'export/zones'])
      mkdirSync(join(root, folder), { recursive: true });
    writeFileSync(join(root, 'etc/passwd'), 'skerry:x:990:990::/var/lib/skerry:/usr/sbin/nologin\n');
    writeFileSync(join(root, 'etc/group'), 'skerry:x:990:\nlibvirt:x:120:\n');
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  /** What is found, and what was run for it, on a host with these drivers. */
  const examined = async (drivers: object, said: Record<string, string> = {}) => {
    const account = { jid: 'host1@example.org', credentials: 'account.json', service: { host: 'xmpp.example.org' } };
    writeFileSync(join(root, 'etc/skerry/agent.yaml'), stringify({ ...account, ...drivers }));
    const ran: string[] = [];
    const run = async (argv: readonly string[]): Promise<string> => {
      ran.push(argv.join(' '));
      const answer = said[argv[0] ?? ''];
      if (answer === undefined) throw new Failure('host-command', { command: argv[0] ?? '', problem: 'not found' });
      return answer;
    };
    const machine = machineAt({ ...groundAt(root), isLive: true, run });
    const looks = [hypervisor, versions, rooms, services, logs];
    const findings = (await Promise.all(looks.map((look) => look(machine)))).flat();
    return { findings, ran, text: JSON.stringify([findings, ran]) };
  };

  it('looks for what its drivers need: LXC alone', async () => {
    const { findings, text } = await examined({ driver: { kind: 'lxc', folder: '/var/lib/lxc' } });
    assert.doesNotMatch(text, /libvirt|qemu|KVM|virsh/i);
    assert.equal(found(findings, 'user skerry')?.verdict, 'ok');
    assert.equal(found(findings, 'package lxc')?.verdict, 'wrong');
    assert.equal(found(findings, 'zones of LXC')?.mend, './skerry install host --lxc');
    assert.ok(found(findings, 'room in /var/lib/lxc'));
  });

  it('... LXC as the unit lets it', async () => {
    const dropIn = join(root, 'etc/systemd/system/skerry-agent.service.d');
    mkdirSync(dropIn, { recursive: true });
    writeFileSync(join(dropIn, 'networks.zones.conf'), '[Service]\n');
    const { findings } = await examined({ drivers: [{ kind: 'lxc' }] });
    assert.equal(found(findings, 'zones of LXC')?.verdict, 'ok');
  });

  it('... zones of illumos alone: none of Debian, nor of systemd', async () => {
    const { findings, ran, text } = await examined(
      { driver: { kind: 'zones' } },
      { zoneadm: 'global\nweb1\n', svcs: 'online\n' },
    );
    assert.doesNotMatch(text, /libvirt|qemu|KVM|virsh|LXC|systemctl|journald|Debian/i);
    assert.deepEqual(ran.toSorted(), ['svcs -H -o state skerry-agent', 'zoneadm list -c']);
    assert.deepEqual(
      findings.filter(({ check }) => !check.startsWith('room in')).map(({ check, verdict }) => [check, verdict]),
      [
        ['zones', 'ok'],
        ['skerry-agent', 'ok'],
      ],
    );
    assert.ok(found(findings, 'room in /export/zones'));
    const ill = await examined({ driver: { kind: 'zones' } }, { svcs: 'maintenance\n' });
    assert.deepEqual(
      ill.findings.filter(({ verdict }) => verdict === 'wrong').map(({ check }) => check),
      ['zones', 'skerry-agent'],
    );
  });

  it('... libvirt, by its own URI, beside LXC; and libvirt while nobody can say', async () => {
    const xen = await examined({ drivers: [{ kind: 'libvirt', uri: 'xen:///system' }, { kind: 'lxc' }] });
    assert.ok(xen.ran.includes('virsh -c xen:///system version --daemon'), xen.ran.join('\n'));
    assert.match(found(xen.findings, 'user skerry')?.found ?? '', /not in the group libvirt/);
    assert.ok(found(xen.findings, 'package lxc'));
    assert.equal(found(xen.findings, 'package libvirt-daemon-system')?.verdict, 'wrong');
    assert.equal(found(xen.findings, 'package qemu-system-x86'), undefined);
    const containers = await examined({ driver: { kind: 'libvirt', uri: 'lxc:///system' } });
    assert.equal(found(containers.findings, 'room in /var/lib/libvirt/images'), undefined);
    const unreadable = await examined({ driver: 7 });
    assert.ok(unreadable.ran.includes('virsh -c qemu:///system version --daemon'));
    assert.ok(found(unreadable.findings, 'room in /var/lib/libvirt/images'));
  });
});

const found = (findings: readonly Finding[], check: string): Finding | undefined =>
  findings.find((finding) => finding.check === check);
