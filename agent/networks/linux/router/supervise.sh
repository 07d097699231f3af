#!/bin/sh
# supervise FOLDER SERVICE: keep one service of a router up, until told to end (TERM).
#
# It is started in the router's network namespace by `ip netns exec`, which gives it a mount namespace of its own: there the router's
# folder is seen as /mnt, so that a service which may not enter the folders above it reaches its files. It outlives the agent.
# What is to be run is in FOLDER/run-SERVICE, read anew each time.
folder=$1 service=$2 child='' ending=''
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
cd / && mount --bind "$folder" /mnt || exit 1

trap 'ending=yes; [ -z "$child" ] || kill -TERM "$child" 2>/dev/null' TERM INT

pause=0.1
while [ -z "$ending" ]; do
  # Whole seconds since the host's boot.
  read -r up rest </proc/uptime
  began=${up%.*}
  sh "/mnt/run-$service" 9>&- &
  child=$!
  # A signal ends `wait`, and not the service.
  while wait "$child"; code=$?; [ "$code" -gt 128 ] && kill -0 "$child" 2>/dev/null; do :; done
  child=''
  [ -z "$ending" ] || break
  [ "$(wc -c <"/mnt/$service.log")" -lt 1000000 ] || : >"/mnt/$service.log"
  echo "$(date -u +%FT%TZ) $service ended with code $code"
  read -r up rest </proc/uptime
  # What was told to end, or ran for a while, is back at once; what dies over and over is not left to eat the machine.
  if [ "$code" -eq 0 ] || [ $((${up%.*} - began)) -ge 3 ]; then pause=0.1; fi
  sleep "$pause" 9>&- &
  wait $!
  case $pause in 0.1) pause=0.5 ;; 0.5) pause=1 ;; 1) pause=2 ;; *) pause=5 ;; esac
done
