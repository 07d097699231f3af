#!/bin/sh
# Run a program in cgroups of its own: a group in each hierarchy, which is gone when the program and all that it started are.
#
# A namespace of cgroups that the program makes then begins at that group, as on a machine of its own. The groups are removed by a
# process that stays until nobody holds the pipe any more that all others inherit: so also after a kill -9 of any of them. It has not
# the environment of a rig, by which a rig that was left over is swept away.
#
# Usage: with-cgroups.sh NAME PROGRAM ARGUMENT…
set -eu
name=$1
shift
group=skerry-$name-$$

folders=
for each in /sys/fs/cgroup /sys/fs/cgroup/*; do
  if [ -e "$each/cgroup.procs" ] && [ "$(stat -f -c %T "$each")" != tmpfs ]; then
    case $each in
    /sys/fs/cgroup | /sys/fs/cgroup/unified) folders="$folders $each" ;;
    # Below version 2 at the top these are groups, not hierarchies.
    *) [ -e /sys/fs/cgroup/cgroup.procs ] || folders="$folders $each" ;;
    esac
  fi
done

pipe=$(mktemp -d)/pipe
mkfifo "$pipe"
# It is no child of what runs here from now on.
# shellcheck disable=SC2016,SC2086 # the words are those of the inner shell; folders are words
(env -i PATH="$PATH" setsid sh -c '
  group=$1 pipe=$2
  shift 2
  cat "$pipe" >/dev/null
  tries=0
  # On a machine with much to do what was killed takes a while to be gone.
  while [ "$tries" -lt 300 ]; do
    tries=$((tries + 1)) left=
    for each in "$@"; do
      # What is frozen does not even die.
      find "$each/$group" -name freezer.state -exec sh -c "for file; do echo THAWED >\"\$file\"; done" sh {} + 2>/dev/null
      find "$each/$group" -name cgroup.freeze -exec sh -c "for file; do echo 0 >\"\$file\"; done" sh {} + 2>/dev/null
      [ ! -d "$each/$group" ] || find "$each/$group" -depth -type d -exec rmdir {} + 2>/dev/null || left=yes
    done
    [ -n "$left" ] || exit 0
    sleep 0.1
  done
' sh "$group" "$pipe" $folders </dev/null >/dev/null 2>&1 &)
exec 9>"$pipe"
rm -r "${pipe%/*}"

for each in $folders; do
  mkdir "$each/$group"
  [ ! -e "$each/$group/cgroup.clone_children" ] || echo 1 >"$each/$group/cgroup.clone_children"
  for file in cpuset.cpus cpuset.mems; do
    [ ! -e "$each/$group/$file" ] || [ -e "$each/$group/cgroup.type" ] || cat "$each/$file" >"$each/$group/$file"
  done
  echo $$ >"$each/$group/cgroup.procs"
done
exec "$@"
