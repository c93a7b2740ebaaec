# Sourced by the scripts beside it: a temporary folder that goes away, a running mirrorlistd, and how to report.
#
# Environment: MIRRORLISTD_BIN, the program (default: the release build, else the debug build).
# Gives: $TOP the repository, $W the folder, and the functions below.

set -euo pipefail
TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
TARGET=${CARGO_TARGET_DIR:-$TOP/target}
if [ -z "${MIRRORLISTD_BIN:-}" ]; then
  MIRRORLISTD_BIN=$TARGET/release/mirrorlistd
  [ -x "$MIRRORLISTD_BIN" ] || MIRRORLISTD_BIN=$TARGET/debug/mirrorlistd
fi
[ -x "$MIRRORLISTD_BIN" ] || { echo "NOT ok - $MIRRORLISTD_BIN is not there; cargo build first"; exit 1; }

W=$(mktemp -d)
# A web server that gave up root must be able to read here.
chmod 755 "$W"
PIDS=()

leave() {
  local status=$? pid log
  # Tested one by one: a script ends only what it started, and only what still runs.
  for pid in ${PIDS[@]+"${PIDS[@]}"}; do kill "$pid" 2>/dev/null || true; done
  for pid in ${PIDS[@]+"${PIDS[@]}"}; do wait "$pid" 2>/dev/null || true; done
  if [ "$status" != 0 ]; then
    for log in "$W"/*.log; do
      [ ! -s "$log" ] || { echo "--- end of ${log##*/}"; tail -n 20 "$log" | cut -c1-300; }
    done
  fi
  if declare -F clean_up >/dev/null; then clean_up; fi
  rm -rf "$W"
  [ "$status" = 0 ] || echo "FAILED: ${0##*/}"
  exit "$status"
}
trap leave EXIT
trap 'exit 130' INT TERM

ok() { echo "ok - $1"; }
fail() { echo "NOT ok - $1"; exit 1; }

# until_true SECONDS COMMAND...: whether it succeeds within that time.
until_true() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || return 1
    sleep 0.1
  done
}

# start NAME COMMAND...: in the background, output in $W/NAME.out and $W/NAME.log; its id is in $STARTED.
start() {
  local name=$1
  shift
  "$@" >"$W/$name.out" 2>"$W/$name.log" &
  STARTED=$!
  PIDS+=("$STARTED")
}

# stop PID: waits for its end, so that nothing is left running behind a test.
stop() {
  kill "$1" 2>/dev/null || true
  wait "$1" 2>/dev/null || true
}

# start_server CONFIG [COMMAND-PREFIX...]: serves it; sets SERVER (the id), V4 and V6 (base URLs, where listened on).
start_server() {
  local config=$1
  shift
  start server "$@" "$MIRRORLISTD_BIN" serve --config "$config"
  SERVER=$STARTED
  until_true 30 listens_or_ended "$config" || fail "the server does not listen after 30 s"
  kill -0 "$SERVER" 2>/dev/null || fail "the server ended instead of listening"
  V4=$(sed -n 's|^listening on \(http://[0-9.]*:[0-9]*\)$|\1|p' "$W/server.out" | head -n 1)
  V6=$(sed -n 's|^listening on \(http://\[[0-9a-f:]*\]:[0-9]*\)$|\1|p' "$W/server.out" | head -n 1)
}

# Whether each address that the configuration names was announced, or the wait is in vain.
listens_or_ended() {
  local address
  kill -0 "$SERVER" || return 0
  for address in $(sed -n '/^listen/s/[^"]*"\([^"]*\):[0-9]*"[^"]*/\1\n/gp' "$1"); do
    grep -qF "listening on http://$address:" "$W/server.out" || return 1
  done
}

# A port that nothing listens on at this moment, in either family.
pick_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    (exec 9<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || (exec 9<>"/dev/tcp/::1/$port") 2>/dev/null || break
  done
  echo "$port"
}

# metric PATTERN: the sum of all samples whose name and labels match the extended regular expression.
metric() {
  curl -sS -m 5 "$V4/metrics" | awk -v pattern="$1" '
    !/^#/ { name = $0; sub(/ [^ ]*$/, "", name); if (tolower(name) ~ pattern) sum += $NF }
    END { printf "%.0f\n", sum }'
}

# The exact load client, built where it is missing; its path is then in $BURST.
find_burst() {
  BURST=${HTTP_BURST:-${MIRRORLISTD_BIN%/*}/examples/http-burst}
  [ ! -x "$BURST" ] || return 0
  CARGO_TARGET_DIR=$TARGET cargo build -q --manifest-path "$TOP/Cargo.toml" --example http-burst
  BURST=$TARGET/debug/examples/http-burst
}

# CPU time that the server has taken so far, all its threads, in nanoseconds.
server_cpu_ns() { awk '{ sum += $1 } END { printf "%.0f\n", sum }' "/proc/$SERVER"/task/*/schedstat; }

# The server's anonymous memory, kB: what it took besides the files it maps.
server_anon_kb() { awk '/^RssAnon:/ { print $2 }' "/proc/$SERVER/status"; }

server_fd_count() { find "/proc/$SERVER/fd" -mindepth 1 | wc -l; }

# small_inventory FILE [MIRROR-NAME...]: release e2e-1, repo os, mirrors without a country, which every client may get.
small_inventory() {
  local file=$1 mirror
  shift
  {
    printf '[[distribution]]\nname = "e2e"\ntitle = "End to end"\n\n[[tree]]\nname = "e2e"\n\n'
    printf '[[release]]\nname = "e2e-1"\narches = ["x86_64"]\n\n[[repo]]\nname = "os"\npath = "os/{arch}"\n'
    for mirror in "$@"; do
      printf '\n[[mirror]]\nname = "%s.example"\nbase.e2e.http = "http://%s.example/e2e/"\n' "$mirror" "$mirror"
    done
  } >"$file"
}
SMALL_QUERY='release=e2e-1&arch=x86_64&repo=os'
