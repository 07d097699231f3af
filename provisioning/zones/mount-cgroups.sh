#!/bin/sh
# Mount /sys and the hierarchies of cgroups anew, as seen from the namespaces of network and of cgroups that this runs in. What the
# kernel has of version 1 is mounted as version 1, and the rest as version 2.
set -eu

# Each line of /proc/self/cgroup is NUMBER:CONTROLLERS:PATH; version 2 is number 0, with no controllers.
mount -t sysfs sys /sys
if ! grep -qv '^0:' /proc/self/cgroup; then
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
  # Groups of zones get controllers only where no process is in the group above. LXC takes an init in init.scope for one above it.
  mkdir -p /sys/fs/cgroup/init.scope
  while read -r pid; do
    echo "$pid" >/sys/fs/cgroup/init.scope/cgroup.procs 2>/dev/null || true
  done </sys/fs/cgroup/cgroup.procs
  for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do
    echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control 2>/dev/null || true
  done
  exit 0
fi
mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
while IFS=: read -r number controllers _; do
  case $number:$controllers in
  0:*) folder=unified kind=cgroup2 options=rw ;;
  *:name=*) folder=${controllers#name=} kind=cgroup options=none,$controllers ;;
  *) folder=$controllers kind=cgroup options=$controllers ;;
  esac
  mkdir "/sys/fs/cgroup/$folder"
  mount -t "$kind" -o "$options" cgroup "/sys/fs/cgroup/$folder"
  # LXC looks for each controller under its own name.
  case $folder in *,*)
    IFS_BEFORE=$IFS
    IFS=,
    for each in $folder; do ln -s "$folder" "/sys/fs/cgroup/$each"; done
    IFS=$IFS_BEFORE
    ;;
  esac
done </proc/self/cgroup
