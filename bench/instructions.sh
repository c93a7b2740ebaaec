#!/usr/bin/env bash
# User-space instructions for one request, counted by valgrind: a figure that repeats on a noisy machine.
#
# usage: bench/instructions.sh [-g MAX]      -g: exit 1 when a keep-alive request takes more than MAX
#
# How to read it: (a run of 4000 requests - a run of 1000) / 3000, so that start and stop cancel out; all threads, the
# access log's among them. It sees no kernel work: a further system call per request is as good as free here, so read it
# beside bench/load.sh. Every request is the same, from one client told by a trusted proxy.
# Needs: valgrind. Builds the release binary.
set -euo pipefail
gate=
while getopts "g:" option; do
  case $option in
    g) gate=$OPTARG ;;
    *) exit 2 ;;
  esac
done
here=$(cd "$(dirname "$0")" && pwd)
cargo build -q --release --manifest-path "$here/../Cargo.toml" --bins --examples
MIRRORLISTD_BIN=${MIRRORLISTD_BIN:-${CARGO_TARGET_DIR:-$here/../target}/release/mirrorlistd}
. "$here/../tests/e2e/stage.bash"
find_burst

cat >"$W/config.toml" <<TOML
listen = ["127.0.0.1:0"]
workers = 1
lists = "$TOP/lists"
state = "$W/state"
access_log = "$W/access.log"
trusted_proxies = ["127.0.0.1/32"]
TOML
target='/?release=9&arch=x86_64&repo=baseos'
# The snapshot is built before the counting, so that both runs of a pair begin with the same work.
start_server "$W/config.toml"
curl -sS -m 5 "$V4$target" | grep -q '^http.*://' || fail "no list for $target"
stop "$SERVER"

instructions() { # REQUESTS BURST-OPTIONS...: of a whole run, from start to graceful stop
  local count=$1
  shift
  start_server "$W/config.toml" valgrind --tool=callgrind --callgrind-out-file="$W/callgrind"
  "$BURST" --requests "$count" --header 'X-Forwarded-For: 141.30.1.1' "$@" "$V4$target" >"$W/burst.log" ||
    fail "requests failed: $(cat "$W/burst.log")"
  stop "$SERVER"
  awk '/^(summary|totals):/ { total = $2 } END { print total + 0 }' "$W/callgrind"
}
per_request() { # BURST-OPTIONS...
  local few many
  few=$(instructions 1000 "$@")
  many=$(instructions 4000 "$@")
  echo $(((many - few) / 3000))
}
keep=$(per_request)
echo "keep-alive                $keep"
echo "16 pipelined              $(per_request --pipeline 16)"
echo "a connection each         $(per_request --close)"
[ -z "$gate" ] || [ "$keep" -le "$gate" ] || fail "$keep instructions for a keep-alive request, allowed are $gate"
