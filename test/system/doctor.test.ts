import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { after, before, describe, it } from 'mocha';
import { ROOT } from '#cli/rig-options.ts';
import type { Finding } from '#shared/model/host.ts';
import { debianRoot } from './support/debian-root.ts';
import { MAIN } from './support/rig.ts';
import { until } from './support/until.ts';
import { startZone, type Zone } from './support/zone.ts';

/** What is done to a machine that is well, what the doctor then finds, and how the machine is well again. */
interface Fault {
  name: string;
  /** Faults of one round are there together, and hide none of one another. */
  round: number;
  plant: string;
  check: string | RegExp;
  verdict?: Finding['verdict'];
  found: RegExp;
  heal: string;
}

const EJABBERD = '/etc/ejabberd/ejabberd.yml';
const restarted = (unit: string): string => `systemctl restart ${unit}`;
const withFile = (file: string, change: string): Pick<Fault, 'plant' | 'heal'> => ({
  plant: `cp -p ${file} ${file}.kept && ${change}`,
  heal: `mv ${file}.kept ${file}`,
});
const inAgent = (from: string, to: string) =>
  withFile('/etc/skerry/agent.yaml', `sed -i 's|${from}|${to}|' /etc/skerry/agent.yaml`);

const FAULTS: readonly Fault[] = [
  {
    name: 'libvirt does not run',
    round: 1,
    plant: 'systemctl stop libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket libvirtd',
    check: 'libvirt',
    found: /Failed to connect/,
    heal: 'systemctl start libvirtd.socket libvirtd',
  },
  {
    name: 'the agent may not use libvirt',
    round: 1,
    plant: 'gpasswd -d skerry libvirt',
    check: 'user skerry',
    found: /not in the group/,
    heal: 'gpasswd -a skerry libvirt',
  },
  {
    name: 'there is no KVM',
    round: 1,
    plant: 'if [ -e /dev/kvm ]; then mv /dev/kvm /dev/kvm.kept; fi',
    check: 'KVM',
    verdict: 'warning',
    found: /no \/dev\/kvm/,
    heal: 'if [ -e /dev/kvm.kept ]; then mv /dev/kvm.kept /dev/kvm; fi',
  },
  {
    name: 'KVM is there and runs no guest',
    round: 2,
    // A device of another driver: it opens, and is none.
    plant: 'mv /dev/kvm /dev/kvm.kept 2>/dev/null; mknod -m 666 /dev/kvm c 1 3',
    check: 'KVM',
    found: /no guest runs with it/,
    heal: 'rm /dev/kvm; mv /dev/kvm.kept /dev/kvm 2>/dev/null || true',
  },
  {
    name: 'no room for images',
    round: 1,
    plant: 'mount -t tmpfs -o size=64m tmpfs /var/lib/libvirt/images',
    check: 'room in /var/lib/libvirt/images',
    verdict: 'warning',
    found: /\b6[0-9] MiB free/,
    heal: 'umount /var/lib/libvirt/images',
  },
  {
    name: 'others can read the account of the host',
    round: 1,
    plant: 'chmod 644 /etc/skerry/credentials.json',
    check: 'mode of /etc/skerry/credentials.json',
    found: /others can read it/,
    heal: 'chmod 600 /etc/skerry/credentials.json',
  },
  {
    name: 'the secret of central is somebody else’s',
    round: 1,
    plant: 'chown root /etc/skerry/central-secret.json',
    check: 'mode of /etc/skerry/central-secret.json',
    found: /not skerry-central's/,
    heal: 'chown skerry-central /etc/skerry/central-secret.json',
  },
  {
    name: 'central has another secret than the server',
    round: 2,
    ...withFile(
      '/etc/skerry/central-secret.json',
      `sed -i 's/secret":"..../secret":"xxxx/' /etc/skerry/central-secret.json`,
    ),
    check: 'secret of central',
    found: /another one/,
  },
  {
    name: 'central cannot reach ejabberd’s API',
    round: 1,
    plant: 'chmod 0700 /var/lib/skerry-api',
    check: 'way of central to ejabberd',
    found: /cannot write/,
    heal: 'chmod 0750 /var/lib/skerry-api',
  },
  {
    name: 'the agent’s configuration is wrong',
    round: 6,
    ...withFile('/etc/skerry/agent.yaml', 'echo "surprise: 1" >> /etc/skerry/agent.yaml'),
    check: '/etc/skerry/agent.yaml',
    found: /surprise/,
  },
  {
    name: 'the agent has ended by it, and stays so',
    round: 6,
    plant: `${restarted('skerry-agent')} && timeout 30 sh -c 'until systemctl -q is-failed skerry-agent; do sleep 0.1; done'`,
    check: 'skerry-agent.service',
    found: /its configuration is wrong, and is not started again/,
    heal: restarted('skerry-agent'),
  },
  {
    name: 'the agent is older than its configuration',
    round: 3,
    plant: 'touch /etc/skerry/agent.yaml',
    check: 'skerry-agent.service',
    verdict: 'warning',
    found: /began before/,
    heal: restarted('skerry-agent'),
  },
  {
    name: 'the agent does not come at boot',
    round: 1,
    plant: 'systemctl -q disable skerry-agent',
    check: 'skerry-agent.service at boot',
    found: /not started/,
    heal: 'systemctl -q enable skerry-agent',
  },
  {
    name: 'central does not run',
    round: 1,
    plant: 'systemctl stop skerry-central',
    check: 'skerry-central.service',
    found: /does not run/,
    heal: 'systemctl start skerry-central',
  },
  {
    name: 'the name of the server leads nowhere',
    round: 2,
    ...inAgent('host: 127.0.0.1', 'host: nowhere.invalid'),
    check: 'name of the server',
    found: /leads nowhere/,
  },
  {
    name: 'the port of the server is closed',
    round: 3,
    ...inAgent('port: 5222', 'port: 5229'),
    check: 'way to the server',
    found: /ECONNREFUSED/,
  },
  {
    name: 'the host trusts another authority',
    round: 4,
    ...withFile(
      '/etc/skerry/ca.pem',
      'openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj /CN=other -out /etc/skerry/ca.pem 2>/dev/null',
    ),
    check: 'TLS',
    found: /not good for example\.org/,
  },
  {
    name: 'the certificate of the server is at its end',
    round: 1,
    ...withFile(
      '/etc/ejabberd/skerry.pem',
      'openssl req -x509 -days 3 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj /CN=example.org -addext subjectAltName=DNS:example.org,DNS:xmpp.example.org -out /etc/ejabberd/skerry.pem 2>/dev/null',
    ),
    check: 'certificate of the server',
    verdict: 'warning',
    found: /ends in [23] days/,
  },
  {
    name: 'the certificate is not for the name of the server',
    round: 2,
    ...withFile('/etc/skerry/server.yaml', `sed -i 's|xmpp.example.org|chat.example.net|' /etc/skerry/server.yaml`),
    check: 'certificate of the server',
    found: /not for chat\.example\.net/,
  },
  {
    name: 'the account of the host has another password',
    round: 5,
    ...withFile(
      '/etc/skerry/credentials.json',
      `sed -i 's/password": "..../password": "xxxx/' /etc/skerry/credentials.json`,
    ),
    check: 'login',
    found: /refused|not-authorized/i,
  },
  {
    name: 'the machine does not know its own name',
    round: 1,
    ...withFile('/etc/hosts', `grep -v centre /etc/hosts.kept > /etc/hosts`),
    check: 'own name',
    found: /leads nowhere/,
  },
  {
    name: 'the log is gone after a boot',
    round: 1,
    plant: 'mv /var/log/journal /var/log/journal.kept',
    check: 'log',
    verdict: 'warning',
    found: /gone/,
    heal: 'rm -rf /var/log/journal; mv /var/log/journal.kept /var/log/journal',
  },
  {
    name: 'a link to the other hosts that is not there',
    round: 4,
    ...withFile(
      '/etc/skerry/agent.yaml',
      'echo "networks: { driver: linux, underlay: wire0 }" >> /etc/skerry/agent.yaml',
    ),
    check: 'link wire0',
    found: /there is none/,
  },
  {
    name: 'networks that the unit does not let the agent make',
    round: 5,
    ...withFile('/etc/skerry/agent.yaml', 'echo "networks: { driver: linux }" >> /etc/skerry/agent.yaml'),
    check: 'networks',
    found: /does not let/,
  },
  {
    name: 'a server without archive, rooms and carbons',
    round: 6,
    ...withFile(
      EJABBERD,
      `awk '/^  mod_/ { skip = /mod_(mam|muc|muc_admin|carboncopy):/ } !skip' ${EJABBERD}.kept > ${EJABBERD} && ${restarted('ejabberd')}`,
    ),
    check: /^server: (archive|rooms|carbons)$/,
    found: /not there/,
    heal: `mv ${EJABBERD}.kept ${EJABBERD} && ${restarted('ejabberd')}`,
  },
  {
    name: 'Erlang’s ports are open to everybody',
    round: 6,
    plant: `mv /etc/systemd/system/epmd.socket.d /var/tmp/kept && systemctl daemon-reload && systemctl restart epmd.socket epmd ejabberd`,
    check: "ejabberd's inner ports",
    found: /4369/,
    heal: `mv /var/tmp/kept /etc/systemd/system/epmd.socket.d && systemctl daemon-reload && systemctl restart epmd.socket epmd ejabberd`,
  },
  {
    name: 'ejabberd does not run',
    round: 7,
    plant: 'systemctl stop ejabberd',
    check: 'ejabberd',
    found: /cannot be reached/,
    heal: 'systemctl start ejabberd',
  },
  {
    name: 'the clock is off',
    round: 8,
    plant: 'true',
    check: 'clock',
    found: /6\d\d s ahead/,
    heal: 'true',
  },
];

/** The round of the clock, which is the doctor's own. */
const CLOCK = 8;

describe('skerry doctor', function () {
  this.timeout(300_000);
  let zone: Zone;
  before(async function () {
    if (process.getuid?.() !== 0) this.skip();
    // The first time, a Debian is made.
    this.timeout(1_200_000);
    zone = await startZone('centre', await debianRoot('bookworm'));
    const told = ['--domain', 'example.org', '--name', 'xmpp.example.org', '--admin', 'ada@example.org'];
    const { exitCode, stderr } = await zone.skerry('install', 'all-in-one', ...told);
    assert.equal(exitCode, 0, stderr);
    await until('all is well', async () => ((await wrongNow()).length === 0 ? true : undefined));
  });
  after(async () => {
    await zone?.stop();
  });

  const findings = async (...words: string[]): Promise<Finding[]> => {
    const { lines, stderr } = await zone.skerry('doctor', '--json', ...words);
    assert.ok(lines.length > 0, stderr);
    return JSON.parse(lines.join('')) as Finding[];
  };
  /** KVM and a time service are the machine's that the tests run on. */
  const isOwn = ({ check }: Finding): boolean => check !== 'KVM';
  const wrongNow = async (): Promise<Finding[]> =>
    (await findings('--machine')).filter((finding) => finding.verdict === 'wrong' && isOwn(finding));
  const shell = async (script: string): Promise<void> => {
    const { exitCode, stderr } = await zone.run(['sh', '-c', script]);
    assert.equal(exitCode, 0, `${script}: ${stderr}`);
  };

  it('finds nothing wrong on a machine that is well, and looks at the site and its hosts too', async () => {
    const all = await findings();
    assert.deepEqual(
      all.filter((finding) => finding.verdict === 'wrong' && isOwn(finding)),
      [],
    );
    for (const check of ['site: login', 'site: central', 'site: centre: hypervisor', 'server: archive'])
      assert.ok(
        all.some((finding) => finding.check === check && finding.verdict === 'ok'),
        `${check}: ${JSON.stringify(all)}`,
      );
  });

  for (const [round, faults] of Map.groupBy(FAULTS, (fault) => fault.round))
    it(`finds out, and says how to mend: ${faults.map(({ name }) => name).join('; ')}`, async () => {
      await shell(faults.map(({ plant }) => `( ${plant} )`).join(' && '));
      try {
        const all = round === CLOCK ? await ahead() : await findings('--machine');
        for (const fault of faults) isFound(fault, all);
      } finally {
        await shell(faults.map(({ heal }) => `( ${heal} )`).join(' && '));
      }
    });

  function isFound({ name, check, verdict = 'wrong', found }: Fault, all: readonly Finding[]): void {
    const those = all.filter((each) => (typeof check === 'string' ? each.check === check : check.test(each.check)));
    assert.ok(those.length > 0, `${name}: ${JSON.stringify(all)}`);
    for (const each of those) {
      assert.equal(each.verdict, verdict, `${name}: ${JSON.stringify(each)}`);
      assert.match(each.found, found, name);
      assert.ok(each.mend, name);
    }
  }

  /** As a machine sees it whose clock is ten minutes ahead. */
  async function ahead(): Promise<Finding[]> {
    const words = ['/opt/skerry/node_modules/.bin/node', '/opt/skerry/cli/main.ts', 'doctor', '--machine', '--json'];
    const { stdout, stderr } = await zone.run(['faketime', '-f', '+10m', ...words]);
    assert.ok(stdout, stderr);
    return JSON.parse(stdout) as Finding[];
  }
});

describe('skerry doctor, in a tree', () => {
  let root: string;
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'skerry-doctor-'));
  });
  after(() => rm(root, { recursive: true, force: true }));

  const DEBIAN = 'PRETTY_NAME="Debian GNU/Linux 11 (bullseye)"\nID=debian\nVERSION_ID="11"\n';
  const EJABBERD_PACKAGE =
    'Package: ejabberd\nStatus: install ok installed\nMaintainer: a <a@b.c>\nArchitecture: all\nVersion: 21.01-2\nDescription: XMPP\n';
  /** Name, file, what stands in it, and the check that finds it. */
  const TREES = [
    ['a Debian that is too old', 'etc/os-release', DEBIAN, 'Debian', 'warning'],
    ['an ejabberd that is too old', 'var/lib/dpkg/status', EJABBERD_PACKAGE, 'package ejabberd', 'wrong'],
    ['guests that cannot be hosts', 'sys/module/kvm_intel/parameters/nested', 'N\n', 'nested', 'warning'],
    ['bridges that go through iptables', 'proc/sys/net/bridge/bridge-nf-call-iptables', '1\n', 'bridges', 'warning'],
    ['too little memory', 'proc/meminfo', 'MemTotal:         524288 kB\n', 'memory', 'warning'],
  ] as const;
  it('finds out what a tree alone shows', async () => {
    for (const [file, text] of [
      ['etc/skerry/server.yaml', 'domain: example.org\n'],
      ['etc/skerry/agent.yaml', await readFile(join(ROOT, 'agent/agent.example.yaml'), 'utf8')],
      ...TREES.map(([, file, text]) => [file, text] as const),
    ] as const) {
      await mkdir(join(root, dirname(file)), { recursive: true });
      await writeFile(join(root, file), text);
    }
    const { stdout } = await execa(process.execPath, [MAIN, 'doctor', '--root', root, '--json'], { reject: false });
    for (const [name, , , check, verdict] of TREES) {
      const found = (JSON.parse(stdout) as Finding[]).find((finding) => finding.check === check);
      assert.equal(found?.verdict, verdict, `${name}: ${stdout}`);
      assert.ok(found.mend, name);
    }
  });
});
