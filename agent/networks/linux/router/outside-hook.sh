#!/bin/sh
# outside-hook EVENT: what udhcpc calls when DHCP outside gave an address to a router (bound, renew), or took it back (nak, deconfig).
#
# Whoever sends that is not trusted. Of all that udhcpc puts into the environment four words are read; each is an IPv4 address or a number,
# or nothing is done with it. It sets the leg outside, the default route and the router's public address, in the network namespace that it is
# in, and writes no file: name servers, names, routes and settings that somebody outside would like to give are not looked at.
#
# What was done is said in a line on standard output, which is the end of /mnt/outside: there the agent reads it.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
set -f -u

say() { [ "$(tail -n 1 /mnt/outside)" = "$*" ] || echo "$*"; }

# udhcpc ends, and its supervisor starts it anew a little later: what is wrong may be better then.
again() {
  say "$@"
  kill "$PPID"
  exit 1
}

# The number that an IPv4 address is; fails for anything else. A part with a zero before it would be octal to others.
number_of() (
  case $1 in '' | *[!0-9.]* | .* | *. | *..*) exit 1 ;; esac
  IFS=.
  # shellcheck disable=SC2086
  set -- $1
  [ $# -eq 4 ] || exit 1
  for part; do
    case $part in 0?* | ????*) exit 1 ;; esac
    [ "$part" -le 255 ] || exit 1
  done
  echo $((($1 << 24) + ($2 << 16) + ($3 << 8) + $4))
)

# Whether a number can be the address of one machine.
is_host() { case $(($1 >> 24)) in 0 | 127 | 22[4-9] | 2[3-5]?) return 1 ;; esac; }

# Whether NUMBER/LENGTH shares an address with a network of this router.
is_inside() {
  while IFS=/ read -r subnet length; do
    shorter=$((length < $2 ? length : $2))
    [ $((($(number_of "$subnet") ^ $1) >> (32 - shorter))) -ne 0 ] || return 0
  done </mnt/outside-not
  return 1
}

addresses() { ip -4 -o addr show dev out scope global | awk '{ print $4 }'; }

# Sets $address, $gateway and $seconds from what came; fails where that is not what it should be.
read_lease() {
  case ${mask-} in [1-9] | [12][0-9] | 3[0-2]) ;; *) return 1 ;; esac
  number=$(number_of "${ip-}") && is_host "$number" || return 1
  hosts=$(((1 << (32 - mask)) - 1))
  if [ "$mask" -lt 31 ]; then case $((number & hosts)) in 0 | "$hosts") return 1 ;; esac; fi
  address=$ip/$mask
  # Of several gateways the first.
  gateway=${router-}
  gateway=${gateway%% *}
  if [ -n "$gateway" ]; then
    towards=$(number_of "$gateway") && is_host "$towards" && [ "$towards" -ne "$number" ] || return 1
  fi
  case ${lease-} in '' | *[!0-9]* | ???????????*) return 1 ;; esac
  seconds=$lease
  # As udhcpc itself keeps it; the largest number is for ever.
  [ "$seconds" -ge 122 ] || seconds=122
  [ "$seconds" -lt 4294967295 ] || seconds=forever
}

take() {
  read_lease || refuse malformed
  if is_inside "$number" "$mask"; then refuse inside "$address"; fi
  if [ -n "$gateway" ] && is_inside "$towards" 32; then refuse inside "$gateway/32"; fi
  [ "$mask" -ge 31 ] && broadcast='' || broadcast='broadcast +'
  # The kernel takes the address away when its time is over, also where nobody is left to do it.
  {
    echo "addr replace $address dev out $broadcast valid_lft $seconds preferred_lft $seconds"
    addresses | grep -Fxv "$address" | sed 's/.*/addr del & dev out/'
    if [ -n "$gateway" ]; then echo "route replace default via $gateway dev out onlink"; else echo 'route flush exact default dev out'; fi
  } | ip -4 -batch - || again failed
  # After the address: the agent, which sets this too, looks at the address once more when it has.
  printf 'flush set inet skerry public4\nadd element inet skerry public4 { %s }\n' "$ip" | nft -f - || again failed
  say "given $address ${gateway:--}"
}

lose() {
  ip -4 addr flush dev out scope global
  nft flush set inet skerry public4
  say "$@"
}

refuse() {
  lose refused "$@"
  again refused "$@"
}

case ${1-} in
  bound | renew) take ;;
  nak) lose lost ;;
  # When udhcpc starts it says this too, and what it had before it was killed stays until its time is over.
  deconfig) [ "$(tail -n 1 /mnt/outside)" = started ] || lose lost ;;
esac
