/**
 * Debian's packages that the roles of a site need. A box and the roots of tests bring them along, so that machines made from these need
 * no network.
 */
export const SERVER_PACKAGES = ['ejabberd', 'openssl'];
export const CENTRAL_PACKAGES = ['fonts-dejavu-core', 'libatomic1'];
export const HOST_PACKAGES = [
  ...['libvirt-daemon-system', 'libvirt-clients', 'qemu-utils', 'libatomic1'],
  process.arch === 'arm64' ? 'qemu-system-arm' : 'qemu-system-x86',
];
export const NETWORK_PACKAGES = [
  ...['iproute2', 'nftables', 'dnsmasq-base', 'haproxy', 'udhcpc', 'iputils-ping', 'procps'],
];
export const LXC_PACKAGES = ['lxc', 'iproute2', 'squashfs-tools', 'xz-utils', 'zstd'];

/** What a site needs whose hosts make networks. */
export const SITE_PACKAGES = [
  ...new Set([...SERVER_PACKAGES, ...CENTRAL_PACKAGES, ...HOST_PACKAGES, ...NETWORK_PACKAGES]),
];
