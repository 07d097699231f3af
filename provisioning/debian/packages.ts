/** What an administrator's machine gets: each package is a part of the tree of this repository, at the same place under LIB. */
export interface DebianPackage {
  name: string;
  /** `any`: it holds programs of one architecture. */
  architecture: 'any' | 'all';
  /** `=` at the end: in the very same version. */
  depends: readonly string[];
  recommends: readonly string[];
  suggests: readonly string[];
  summary: string;
  description: string;
  /** Folders and files of the repository that it holds. */
  holds: readonly string[];
  /** What of them it does without: what only a clone can do. */
  without?: readonly string[];
  /** Also the Node.js and the libraries of node_modules, less what only development needs. */
  modules: boolean;
  service?: Service;
  /** Links outside LIB, and where they lead. */
  links: Readonly<Record<string, string>>;
  /** What lintian finds and is meant so, with the reason. */
  overrides: readonly { tag: string; why: string }[];
}

/** A program that systemd keeps. */
export interface Service {
  unit: string;
  user: string;
  /** In sysusers.d(5)'s words. */
  users: string;
  state: string;
  /** What a purge takes with it, beside the state: files that `skerry install` or an administrator wrote. */
  configuration: readonly string[];
}

/** Where the tree is on a machine that has the packages. */
export const LIB = '/usr/lib/skerry';
const RUNTIME = 'skerry-runtime';
const UNITS = '/etc/systemd/system';

const withUser = ['systemd | systemd-standalone-sysusers | systemd-sysusers'];

export const DEBIAN_PACKAGES: readonly DebianPackage[] = [
  {
    name: RUNTIME,
    architecture: 'any',
    depends: ['libc6 (>= 2.28)', 'libgcc-s1', 'libstdc++6 (>= 8)', 'libatomic1'],
    recommends: [],
    suggests: [],
    summary: 'Node.js and libraries of the Skerry programs',
    description:
      'What agent, central and command line of Skerry have in common: the Node.js that they are made for, in a place of its own where it is in nobody’s way, the libraries, and the model and verbs.',
    holds: ['package.json', 'package-lock.json', 'shared', 'docs', 'README.md', 'CHANGELOG.md'],
    modules: true,
    links: {},
    overrides: [
      { tag: 'unstripped-binary-or-object', why: 'Node.js is byte for byte what its makers published' },
      { tag: 'embedded-library', why: 'Debian 12 has no Node.js 26, and what that is built with is its own' },
      { tag: 'hardening-no-pie', why: 'Node.js is built so by its makers' },
      { tag: 'missing-dep-for-interpreter', why: 'command lines of libraries, which nothing runs' },
    ],
  },
  {
    name: 'skerry-agent',
    architecture: 'all',
    depends: [`${RUNTIME} =`, ...withUser],
    recommends: [
      'skerry',
      'libvirt-daemon-system',
      'libvirt-clients',
      'qemu-system-x86 | qemu-system-arm',
      'qemu-utils',
      ...['iproute2', 'nftables', 'dnsmasq-base', 'iputils-ping', 'procps', 'lxc'],
    ],
    suggests: ['haproxy', 'udhcpc', 'wireguard-tools', 'squashfs-tools', 'zstd'],
    summary: 'this host and its guests as contacts on an XMPP server',
    description:
      'The agent of Skerry runs on each host. It dials out to the XMPP server of the site, and carries the host’s guests, consoles, networks and routers there. It listens nowhere. `skerry install host` sets it up.',
    holds: ['agent'],
    modules: false,
    service: {
      unit: 'skerry-agent.service',
      user: 'skerry',
      users: 'u skerry - "Skerry agent" /var/lib/skerry\nm skerry libvirt\n',
      state: '/var/lib/skerry',
      configuration: [
        ...['agent.yaml', 'credentials.json'].map((name) => `/etc/skerry/${name}`),
        ...['/etc/skerry/credentials.json.joining', '/etc/sysusers.d/skerry.conf'],
        ...['/var/cache/skerry', '/var/cache/skerry-root'],
        `${UNITS}/skerry-agent.service.d`,
      ],
    },
    links: {},
    overrides: [{ tag: 'script-not-executable', why: 'the agent copies them to where they run' }],
  },
  {
    name: 'skerry-central',
    architecture: 'all',
    depends: [`${RUNTIME} =`, ...withUser],
    recommends: ['skerry', 'ejabberd (>= 23.01)', 'fonts-dejavu-core'],
    suggests: ['postgresql'],
    summary: 'all hosts and guests of a site as contacts on its XMPP server',
    description:
      'The central agent of Skerry runs once for a site, beside the XMPP server. It has the inventory, boot chains, schedules, networks, roles and the audit trail, and speaks for every guest. `skerry install central` sets it up.',
    holds: ['central'],
    modules: false,
    service: {
      unit: 'skerry-central.service',
      user: 'skerry-central',
      users: 'u skerry-central - "Skerry central" /var/lib/skerry-central\n',
      state: '/var/lib/skerry-central',
      configuration: [
        ...['central.yaml', 'central-secret.json'].map((name) => `/etc/skerry/${name}`),
        ...['/etc/sysusers.d/skerry-central.conf', '/var/cache/skerry-central'],
        `${UNITS}/skerry-central.service.d`,
      ],
    },
    links: {},
    overrides: [],
  },
  {
    name: 'skerry',
    architecture: 'all',
    depends: [`${RUNTIME} =`],
    recommends: ['openssl'],
    suggests: ['skerry-agent', 'skerry-central'],
    summary: 'command line of Skerry: hosts and guests over XMPP',
    description:
      'One more XMPP client, for people and scripts: every verb of hosts, guests, chains and networks, and consoles as terminals. It also sets machines up: `skerry install server`, `central` and `host`.',
    holds: ['cli', 'provisioning', 'skerry'],
    without: ['provisioning/debian', 'provisioning/vagrant'],
    modules: false,
    links: { '/usr/bin/skerry': `${LIB}/skerry` },
    overrides: [
      { tag: 'no-manual-page', why: '`skerry help` has it all, made from the one table of verbs' },
      { tag: 'unusual-interpreter', why: "OpenRC's own: these scripts are for Alpine, and nothing runs them here" },
    ],
  },
];
