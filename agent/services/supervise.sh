#!/bin/sh
# supervise FOLDER SERVICE [AT]: keep one service up, until told to end (TERM). It outlives the agent.
#
# What is to be run is in FOLDER/run-SERVICE, read anew each time. The folder is seen as AT, /mnt unless said: a service that may not enter
# the folders above it reaches its files there. For that it is started in a mount namespace of its own, as `ip netns exec` and
# `unshare --mount` give one. Where AT is FOLDER itself nothing is mounted, and nobody has to be root.
folder=$1 service=$2 at=${3:-/mnt} child='' ending=''
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
umask 022
exec </dev/null >>"$folder/$service.log" 2>&1
# Only one: the lock goes with this process, the service does not inherit it.
exec 9>"$folder/$service.lock"
flock --nonblock 9 || exit 0
# With the time of its start, which is the 22nd word (proc(5); its name, `sh`, is one word), a pid names one process for ever.
read -r stat </proc/$$/stat
# shellcheck disable=SC2086 # it is to be words
set -- $stat
echo "$$ ${22}" >"$folder/$service.pid"
cd / || exit 1
[ "$at" = "$folder" ] || mount --bind "$folder" "$at" || exit 1

trap 'ending=yes; [ -z "$child" ] || kill -TERM "$child" 2>/dev/null' TERM INT

pause=0.1
# Without what is to be run it was ended before it had begun, and nobody knows of it.
while [ -z "$ending" ] && [ -e "$at/run-$service" ]; do
  # Whole seconds since the host's boot.
  read -r up rest </proc/uptime
  began=${up%.*}
  sh "$at/run-$service" 9>&- &
  child=$!
  # A signal ends `wait`, and not the service.
  while wait "$child"; code=$?; [ "$code" -gt 128 ] && kill -0 "$child" 2>/dev/null; do :; done
  child=''
  [ -z "$ending" ] || break
  [ "$(wc -c <"$at/$service.log")" -lt 1000000 ] || : >"$at/$service.log"
  echo "$(date -u +%FT%TZ) $service ended with code $code"
  read -r up rest </proc/uptime
  # What was told to end, or ran for a while, is back at once; what dies over and over is not left to eat the machine.
  if [ "$code" -eq 0 ] || [ $((${up%.*} - began)) -ge 3 ]; then pause=0.1; fi
  sleep "$pause" 9>&- &
  wait $!
  case $pause in 0.1) pause=0.5 ;; 0.5) pause=1 ;; 1) pause=2 ;; *) pause=5 ;; esac
done
