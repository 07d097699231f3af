import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { SKERRY } from '#shared/called.ts';
import { ok, warning, wrong } from '#shared/doctor/findings.ts';
import { messageOf } from '#shared/errors.ts';
import type { Finding } from '#shared/model/host.ts';
import { HOST_LXC_FILE, HOST_NETWORKS_FILE } from '../roles/host.ts';
import { isThere } from '../roles/own-unit.ts';
import { kvmProblem } from './kvm.ts';
import { type Driver, driversIn, hasQemu, isIllumos, type Machine, saidOr } from './machine.ts';

/** Of a host: whether guests run here, and how well; what is looked for follows from its drivers. @returns nothing where the machine is none */
export async function hypervisor(machine: Machine): Promise<Finding[]> {
  if (!machine.roles.has('host')) return [];
  const zones = driversIn(machine, 'zones').map(() => zonesFinding(machine));
  if (isIllumos(machine)) return await Promise.all(zones);
  return [
    await userFinding(machine),
    ...(await Promise.all(driversIn(machine, 'libvirt').map((driver) => libvirtFindings(machine, driver)))).flat(),
    ...(driversIn(machine, 'lxc').length > 0 ? await lxcFindings(machine) : []),
    ...(await Promise.all(zones)),
    ...(hasQemu(machine) ? [...(await kvmFindings(machine)), ...(await nestedFindings(machine))] : []),
    ...(await bridgeFindings(machine)),
    ...(await networkFindings(machine)),
  ];
}

async function userFinding(machine: Machine): Promise<Finding> {
  const { ground } = machine;
  const check = 'user skerry';
  if ((await ground.ownerOf('skerry')) === undefined) return wrong(check, 'it is not there', `${SKERRY} install host`);
  if (driversIn(machine, 'libvirt').length === 0) return ok(check, 'it is there');
  return (await ground.isMember('skerry', 'libvirt'))
    ? ok(check, 'in the group libvirt')
    : wrong(check, 'it is not in the group libvirt, which may use libvirt', `${SKERRY} install host`);
}

async function libvirtFindings({ ground }: Machine, { uri }: Driver): Promise<Finding[]> {
  if (!ground.isLive) return [];
  try {
    const version = await ground.run(['virsh', '-c', uri, 'version', '--daemon'], 20_000);
    return [ok('libvirt', /^Running against daemon: (.*)$/m.exec(version)?.[1] ?? 'it answers')];
  } catch (error) {
    return [wrong('libvirt', messageOf(error), 'systemctl start libvirtd')];
  }
}

async function lxcFindings({ ground }: Machine): Promise<Finding[]> {
  const check = 'zones of LXC';
  return [
    (await isThere(ground.at(HOST_LXC_FILE)))
      ? ok(check, 'the unit lets the agent start them')
      : wrong(
          check,
          'agent.yaml has them, and the unit does not let the agent start them',
          `${SKERRY} install host --lxc`,
        ),
  ];
}

async function zonesFinding({ ground }: Machine): Promise<Finding> {
  const check = 'zones';
  try {
    const names = (await ground.run(['zoneadm', 'list', '-c'], 20_000)).split('\n').filter((name) => name !== '');
    return ok(check, `${names.length} with the global zone`);
  } catch (error) {
    return wrong(check, messageOf(error), 'run it in the global zone of an illumos host, or name another driver');
  }
}

const KVM_MEND =
  'switch on virtualisation in the firmware, or in the machine that this one runs in, and modprobe kvm_intel or kvm_amd';

async function kvmFindings({ ground }: Machine): Promise<Finding[]> {
  if (!ground.isThisMachine || process.arch !== 'x64') return [];
  const check = 'KVM';
  const emulated = 'guests are emulated, which is slow';
  if (!existsSync('/dev/kvm')) return [warning(check, `there is no /dev/kvm: ${emulated}`, KVM_MEND)];
  const problem = await kvmProblem();
  return [
    problem === undefined
      ? ok(check, 'a guest ran with it')
      : wrong(check, `there is a /dev/kvm, but no guest runs with it: ${problem}`, KVM_MEND),
  ];
}

/** Whether guests may be hosts themselves: only where KVM's module is loaded is that asked. */
async function nestedFindings({ ground }: Machine): Promise<Finding[]> {
  const modules = ['kvm_intel', 'kvm_amd'];
  const findings = modules.map(async (name): Promise<Finding[]> => {
    const file = ground.at(`/sys/module/${name}/parameters/nested`);
    const value = await readFile(file, 'utf8').catch(() => undefined);
    if (value === undefined) return [];
    const mend = `echo "options ${name} nested=1" > /etc/modprobe.d/kvm.conf, and load the module anew with no guest running`;
    return [
      /^[1Y]/.test(value) ? ok('nested', 'on') : warning('nested', 'off: guests cannot be hosts themselves', mend),
    ];
  });
  return (await Promise.all(findings)).flat();
}

/** With br_netfilter, what is on a bridge goes through the rules of the host too, and docker's, for one, drop it. */
async function bridgeFindings({ ground }: Machine): Promise<Finding[]> {
  const value = await readFile(ground.at('/proc/sys/net/bridge/bridge-nf-call-iptables'), 'utf8').catch(() => '0');
  const mend = 'sysctl net.bridge.bridge-nf-call-iptables=0, and a file in /etc/sysctl.d for the next boot';
  return [
    value.trim() === '0'
      ? ok('bridges', 'the rules of the host leave them alone')
      : warning('bridges', 'what passes a bridge goes through iptables of the host, which may drop it', mend),
  ];
}

const NETWORK_PROGRAMS = ['ip', 'nft', 'dnsmasq', 'haproxy'];

async function networkFindings({ ground, agent }: Machine): Promise<Finding[]> {
  if (agent?.networks?.driver !== 'linux') return [];
  const mend = `${SKERRY} install host --networks`;
  const { underlay } = agent.networks;
  const isLet = await isThere(ground.at(HOST_NETWORKS_FILE));
  const missing = NETWORK_PROGRAMS.filter(
    (name) => !['/usr/sbin', '/usr/bin', '/sbin', '/bin'].some((folder) => existsSync(ground.at(`${folder}/${name}`))),
  );
  const programs = missing.length === 0 ? [] : [wrong('programs of networks', `missing: ${missing.join(', ')}`, mend)];
  const power = isLet
    ? ok('networks', 'the agent may make them')
    : wrong('networks', 'agent.yaml has them made, and the unit does not let the agent', mend);
  return [power, ...programs, ...(underlay === undefined ? [] : await linkFindings(ground, underlay))];
}

async function linkFindings(ground: Machine['ground'], link: string): Promise<Finding[]> {
  if (!ground.isThisMachine) return [];
  const check = `link ${link}`;
  const said = await saidOr(ground, ['ip', '-json', 'address', 'show', 'dev', link]);
  const mend = 'name the link to the other hosts in networks.underlay of /etc/skerry/agent.yaml; ip link lists them';
  if (said === undefined) return [wrong(check, 'there is none', mend)];
  const [found] = JSON.parse(said) as { operstate?: string; addr_info?: { family: string }[] }[];
  if (found?.operstate === 'DOWN') return [wrong(check, 'it is down', `ip link set ${link} up`)];
  if ((found?.addr_info ?? []).length === 0) return [wrong(check, 'it has no address', `give ${link} an address`)];
  return [ok(check, 'up, with an address')];
}
