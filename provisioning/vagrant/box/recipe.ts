import type { RootRecipe } from '../../debian/bootstrap.ts';
import { SITE_PACKAGES } from '../../roles/packages.ts';

/** What makes it a machine that Vagrant can drive. */
const MACHINE = [
  ...['linux-image-cloud-amd64', 'systemd-sysv', 'udev', 'dbus', 'kmod', 'zstd'],
  ...['openssh-server', 'sudo', 'rsync', 'iproute2', 'ca-certificates', 'systemd-timesyncd'],
];
/** What our packages depend on beside what roles install. */
const OURS = ['libstdc++6'];

/** Only what a virtual machine has: the whole first root is a tenth so large, and unpacked at each boot. */
const INITRAMFS = {
  '/etc/initramfs-tools/conf.d/box.conf': 'MODULES=list\nCOMPRESS=gzip\n',
  '/etc/initramfs-tools/modules': 'virtio_pci\nvirtio_blk\next4\n',
};

export const BOX_ROOT: RootRecipe = {
  packages: [...new Set([...MACHINE, ...SITE_PACKAGES, ...OURS])],
  files: INITRAMFS,
};

/** Names of links as the kernel gives them: Vagrant counts on eth0 being the first. */
export const KERNEL_LINE = 'root=/dev/vda1 ro net.ifnames=0 console=ttyS0 quiet mitigations=off nowatchdog';

/** Files of the machine, beside what packages bring. */
export const BOX_FILES: Readonly<Record<string, { text: string; mode?: number }>> = {
  '/etc/hostname': { text: 'debian\n' },
  '/etc/hosts': { text: '127.0.0.1 localhost\n::1 localhost ip6-localhost\n' },
  '/etc/fstab': { text: '/dev/vda1 / ext4 noatime,errors=remount-ro 0 1\n' },
  '/etc/sudoers.d/vagrant': { text: 'vagrant ALL=(ALL) NOPASSWD: ALL\n', mode: 0o440 },
  // libvirt finds a machine's address by its MAC address, so the client has to ask by that.
  '/etc/systemd/network/10-management.network': {
    text: '[Match]\nName=eth0\n[Network]\nDHCP=ipv4\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n[DHCPv4]\nClientIdentifier=mac\nUseDomains=yes\n',
  },
  '/etc/ssh/sshd_config.d/box.conf': {
    text: 'UseDNS no\nGSSAPIAuthentication no\nHostKey /etc/ssh/ssh_host_ed25519_key\n',
  },
  '/etc/systemd/system/box-host-key.service': {
    text: '[Unit]\nDescription=Make the SSH host key of this machine\nBefore=ssh.service\nConditionPathExists=!/etc/ssh/ssh_host_ed25519_key\n[Service]\nType=oneshot\nExecStart=/usr/bin/ssh-keygen -q -t ed25519 -N "" -f /etc/ssh/ssh_host_ed25519_key\n[Install]\nWantedBy=multi-user.target\n',
  },
  '/etc/machine-id': { text: '' },
  '/etc/resolv.conf': { text: '' },
  '/boot/grub/grub.cfg': {
    text: `serial --unit=0 --speed=115200\nterminal_output serial\nset timeout=0\nlinux /vmlinuz ${KERNEL_LINE}\ninitrd /initrd.img\nboot\n`,
  },
};

export const ENABLED = ['systemd-networkd', 'box-host-key', 'ssh', 'serial-getty@ttyS0'];
/** Roles start what they need; the rest is work that a machine of an hour does not need. */
export const DISABLED = ['ejabberd', 'haproxy', 'nftables', 'systemd-networkd-wait-online'];
export const MASKED = [
  ...['apt-daily.timer', 'apt-daily-upgrade.timer', 'dpkg-db-backup.timer', 'e2scrub_all.timer'],
  ...['e2scrub_reap.service', 'fstrim.timer'],
];
/** Made anew by each machine for itself. */
export const FORGOTTEN = ['/var/lib/dbus/machine-id', '/var/cache/apt', '/var/lib/apt/lists', '/var/lib/ejabberd'];

/** What Vagrant itself goes by. Source: vagrant-libvirt's format of boxes. */
export const METADATA = (diskGiB: number): string =>
  `${JSON.stringify({ provider: 'libvirt', format: 'qcow2', virtual_size: diskGiB })}\n`;
