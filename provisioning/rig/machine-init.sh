#!/bin/sh
# First program of a machine of the rig: runs in the machine's own namespaces, under tini.
#
# Makes the private folders, says `ready` on stdout, waits for a line on stdin (by then its links are there), and runs what
# the role needs. Everything it makes belongs to its namespaces and vanishes with them.
#
# Usage: machine-init.sh server|host NAME STATE_FOLDER
# Environment: SKERRY_KVM=yes when KVM was proven.
set -eu
role=$1 name=$2 state=$3

mount --make-rprivate /
mount -t proc proc /proc
hostname "$name"
mount -t tmpfs -o mode=755 run /run
mkdir -p /run/lock

# libvirtd looks its own name up each time it starts a guest: with a name server that is out of reach that blocks for 10 s.
mount --bind "$state/hosts" /etc/hosts
resolv=$(readlink -m /etc/resolv.conf)
mkdir -p "${resolv%/*}"
[ -e "$resolv" ] || : >"$resolv"
mount --bind "$state/resolv.conf" "$resolv"

# A new network namespace takes this over from the machine, which may forward for reasons of its own.
echo 0 >/proc/sys/net/ipv4/ip_forward

# A bridge that hears a router's advertisement would take an address from it, so before there is any link:
for which in all default; do
  [ ! -e /proc/sys/net/ipv6/conf/$which/disable_ipv6 ] || echo 1 >/proc/sys/net/ipv6/conf/$which/disable_ipv6
done
ip link set lo up

private_dev() {
  mkdir /run/dev
  mount -t tmpfs -o mode=755 dev /run/dev
  mkdir /run/dev/pts /run/dev/shm /run/dev/net
  while read -r node minors; do
    # shellcheck disable=SC2086 # minors are two words
    mknod -m 666 "/run/dev/$node" c $minors
  done <<NODES
null 1 3
zero 1 5
full 1 7
random 1 8
urandom 1 9
tty 5 0
net/tun 10 200
NODES
  # libvirt asks QEMU again and again about a /dev/kvm that is there and does not work.
  [ "${SKERRY_KVM:-no}" != yes ] || mknod -m 600 /run/dev/kvm c 10 232
  mount -t tmpfs -o mode=1777 shm /run/dev/shm
  mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts /run/dev/pts
  ln -s pts/ptmx /run/dev/ptmx
  ln -s /proc/self/fd /run/dev/fd
  for stream in 0:stdin 1:stdout 2:stderr; do ln -s "fd/${stream%:*}" "/run/dev/${stream#*:}"; done
  mount --move /run/dev /dev
  rmdir /run/dev
}

if [ "$role" = host ]; then
  for folder in etc lib log cache; do
    case $folder in etc) at=/etc/libvirt ;; *) at=/var/$folder/libvirt ;; esac
    mkdir -p "$at"
    mount --bind "$state/$folder" "$at"
  done
  for folder in lxc lxc-log; do
    case $folder in lxc) at=/var/lib/lxc ;; *) at=/var/log/lxc ;; esac
    mkdir -p "$at"
    mount --bind "$state/$folder" "$at"
  done
  "${0%/*}/../zones/mount-cgroups.sh"
  private_dev
  # A bridge takes the lowest address of its ports for its own unless it has been given one.
  ip link add name br0 address "$SKERRY_BRIDGE_MAC" type bridge forward_delay 0
fi

echo ready
IFS= read -r _

if [ "$role" = server ]; then
  exec sleep infinity
fi
# Guests outlive a libvirtd that dies: they are children of tini, and the next libvirtd finds them again.
while :; do
  libvirtd </dev/null >>/var/log/libvirt/stdout.log 2>&1 || true
  sleep 0.2
done
