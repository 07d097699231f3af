import { fileURLToPath } from 'node:url';

const WITH_CGROUPS = fileURLToPath(new URL('../../provisioning/zones/with-cgroups.sh', import.meta.url));
const MOUNT_CGROUPS = fileURLToPath(new URL('../../provisioning/zones/mount-cgroups.sh', import.meta.url));

/** Folders that LXC writes to are the host's own; the bridges are for interfaces of zones. */
const OWN_FOLDERS = `set -eu
mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs -o mode=755 run /run
for each in /var/lib/lxc /var/log/lxc; do mkdir -p $each; mount -t tmpfs -o mode=755 none $each; done
"$1"
shift
ip link set lo up
for each in sk-a sk-b; do ip link add $each type bridge; ip link set $each up; done
exec "$@"`;

/**
 * The argv that runs a program on a host for zones: namespaces and cgroups of its own, which go with its first process, and that with
 * whoever started it.
 */
export const onZoneHost = (name: string, argv: readonly string[]): readonly [string, ...string[]] => [
  'setpriv',
  ...['--pdeathsig', 'KILL', WITH_CGROUPS, name],
  ...['unshare', '--net', '--mount', '--uts', '--ipc', '--pid', '--cgroup', '--fork', '--kill-child'],
  ...['tini', '-s', '--', 'sh', '-c', OWN_FOLDERS, 'sh', MOUNT_CGROUPS, ...argv],
];
