#!/usr/bin/env bash
# What a pass of the crawler costs: time, CPU, memory, requests, bytes; what stuck mirrors add to it; and what a crawl
# in the same process does to those who are served.
#
# usage: bench/crawl.sh [-m MIRRORS] [-r REPOS] [-d DELAY_MS] [-n THREADS] [-s SECONDS] [PART...]
#        (defaults: 600 mirrors × 60 repos × 2 families at 50 ms, 184 threads, 10 s of load; parts: pass stuck serve)
#   pass    a cold pass over all mirrors, then a warm one
#   stuck   a cold pass over 300 mirrors, and one over 300 of which 10 accept and never answer; three of each, in turn
#   serve   wrk's percentiles with and without a crawl in the same process; three of each, in turn
#
# How to read it. Mirrors are one process (tools/farm-server.rs) in a network namespace, which answers after the delay
# and counts; it takes CPU of the same machine, so wall time is an upper bound. "cpu" is user and system time of the
# crawler alone, "peak" its VmHWM. "at a host" must be at most 2. Goals: cold ≤ 240 s, warm ≤ 30 s, ≤ 200 MB, ≤ 256
# threads;
# stuck ≤ 1.33 ×; percentiles of `serve` alike with and without.
# Needs: namespaces, wrk, curl. Builds the release binary.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
if [ "${FARM_INSIDE:-}" != yes ]; then
  # Built outside, where cargo finds its registry.
  [ -n "${MIRRORLISTD_BIN:-}" ] ||
    cargo build -q --release --manifest-path "$top/Cargo.toml" --bins --example farm-server
  exec "$top/tools/farm.sh" enter "$0" "$@"
fi
mirrors=600 repos=60 delay_ms=50 threads=184 seconds=10
while getopts "m:r:d:n:s:" option; do
  case $option in
    m) mirrors=$OPTARG ;;
    r) repos=$OPTARG ;;
    d) delay_ms=$OPTARG ;;
    n) threads=$OPTARG ;;
    s) seconds=$OPTARG ;;
    *) exit 2 ;;
  esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || set -- pass stuck serve
. "$top/tests/e2e/stage.bash"
FARM_SERVER=${FARM_SERVER:-${MIRRORLISTD_BIN%/*}/examples/farm-server}
[ -x "$FARM_SERVER" ] || fail "$FARM_SERVER is not there; cargo build --example farm-server"
ulimit -n "$(ulimit -Hn)"

# All hosts are one server, which tells them apart by name; addresses as tools/farm.sh routes them.
start farm "$FARM_SERVER" "$delay_ms" '[::]:80'
until_true 5 grep -q listening "$W/farm.out" || fail "farm-server does not start"
INTERNAL=(--internal 198.18.0.0/15 --internal 2001:2::/48)

# inventory FOLDER MIRRORS STUCK REPOS: that many, the last STUCK of which never answer; names into /etc/hosts, too.
inventory() {
  local folder=$1 count=$2 stuck=$3 repo_count=$4 i name
  mkdir -p "$folder"
  cp -R "$top/lists/world" "$folder/"
  printf '127.0.0.1 localhost\n::1 localhost\n198.18.254.1 master.example\n2001:2:0:fe::1 master.example\n' >/etc/hosts
  {
    printf '[[distribution]]\nname = "bench"\n\n[[tree]]\nname = "bench"\n\n'
    printf '[[release]]\nname = "1"\narches = ["x86_64"]\n'
    for ((i = 0; i < repo_count; i++)); do printf '\n[[repo]]\nname = "r%d"\npath = "r%d/{arch}"\n' "$i" "$i"; done
    printf '\n[[mirror]]\nname = "master.example"\nstatus = "master"\nbase.bench.http = "http://master.example/"\n'
    for ((i = 0; i < count; i++)); do
      name=m$i.example
      [ "$i" -lt $((count - stuck)) ] || name=stuck$i.example
      printf '\n[[mirror]]\nname = "%s"\ncountry = "DE"\nbase.bench.http = "http://%s/"\n' "$name" "$name"
      printf '198.18.%d.%d %s\n2001:2:0::%x %s\n' $((i / 250)) $((i % 250 + 1)) "$name" $((i + 1)) "$name" >>/etc/hosts
    done
  } >"$folder/bench.toml"
}
stats() { curl -sS -m 5 "http://localhost/farm-stats?reset"; }
stat_of() { sed -n "s/.*\b$1=\([0-9]*\).*/\1/p" <<<"$STATS"; }

# pass LABEL LISTS STATE: one pass; prints a line, and leaves its time in PASS_MS.
pass() {
  local label=$1 began pid code=0 peak_kb=0 thread_max=0 hwm now cpu child
  stats >/dev/null
  began=${EPOCHREALTIME/./}
  # The shell's own child does nothing but the crawl, so that `times` tells its CPU time to the end.
  {
    TIMEFORMAT='%U %S'
    time "$MIRRORLISTD_BIN" crawl --lists "$2" --state "$3" --threads "$threads" "${INTERNAL[@]}" \
      >"$W/crawl.out" 2>"$W/crawl.log"
  } 2>"$W/time" &
  pid=$!
  while kill -0 "$pid" 2>/dev/null; do
    # Of the children the one that runs the program.
    child=$(cut -d' ' -f1 "/proc/$pid/task/$pid/children" 2>/dev/null) || true
    read -r hwm now < <(cat "/proc/${child:-none}/status" 2>/dev/null |
      awk '/^VmHWM:/ { hwm = $2 } /^Threads:/ { threads = $2 } END { print hwm + 0, threads + 0 }') || true
    [ "${hwm:-0}" -le "$peak_kb" ] || peak_kb=$hwm
    [ "${now:-0}" -le "$thread_max" ] || thread_max=$now
    sleep 0.1
  done
  wait "$pid" || code=$?
  PASS_MS=$(((${EPOCHREALTIME/./} - began) / 1000))
  [ "$code" = 0 ] || fail "the crawl ended with $code: $(tail -n 3 "$W/crawl.log")"
  cpu=$(awk '{ print $1 + $2 }' "$W/time")
  STATS=$(stats)
  awk -v label="$label" -v ms="$PASS_MS" -v cpu="$cpu" -v kb="$peak_kb" -v threads="$thread_max" \
    -v requests="$(stat_of requests)" -v in_bytes="$(stat_of written_bytes)" -v out_bytes="$(stat_of read_bytes)" \
    -v connections="$(stat_of connections)" -v host_max="$(stat_of at_a_host_max)" 'BEGIN {
      printf "%-16s %7.1f s  cpu %6.1f s  peak %4d MB  threads %3d  ", label, ms / 1000, cpu, kb / 1024, threads
      printf "requests %6d (%5d/s, %4.0f us cpu each)", requests, requests * 1000 / ms,
        cpu * 1e6 / (requests ? requests : 1)
      printf "  in %6.1f MB  out %5.1f MB  connections %5d  at a host %d\n", in_bytes / 1e6, out_bytes / 1e6,
        connections, host_max
    }'
  [ "$(stat_of at_a_host_max)" -le 2 ] || fail "more than two requests at a time at a host"
}

median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

bench_pass() {
  inventory "$W/lists" "$mirrors" 0 "$repos"
  pass cold "$W/lists" "$W/state"
  pass warm "$W/lists" "$W/state"
}

bench_stuck() {
  local round stuck
  for round in 1 2 3; do
    for stuck in 0 10; do
      rm -rf "$W/stuck-lists" "$W/stuck-state"
      inventory "$W/stuck-lists" 300 "$stuck" "$repos"
      pass "300, $stuck stuck" "$W/stuck-lists" "$W/stuck-state"
      echo "$PASS_MS" >>"$W/stuck-$stuck"
    done
  done
  awk -v with="$(median <"$W/stuck-10")" -v without="$(median <"$W/stuck-0")" \
    'BEGIN { printf "10 stuck of 300: × %.2f (goal ≤ 1.33)\n", with / without }'
}

bench_serve() {
  local round crawling
  # Each client waits 10 ms between requests: far from saturation, so what is seen is delay and not wrk's own queue.
  echo 'function delay() return 10 end' >"$W/paced.lua"
  inventory "$W/lists" "$mirrors" 0 "$repos"
  [ -e "$W/state/snapshot" ] || pass "for serve" "$W/lists" "$W/state"
  for round in 1 2 3; do
    for crawling in false true; do
      # A state of its own: verdicts are forgotten, so that there is always something to crawl.
      rm -rf "$W/serve-state"
      mkdir "$W/serve-state"
      cp -L "$W/state/snapshot" "$W/serve-state/snapshot"
      cat >"$W/serve.toml" <<TOML
listen = ["127.0.0.1:0"]
workers = 1
lists = "$W/lists"
state = "$W/serve-state"
build = false

[crawl]
enabled = $crawling
interval_seconds = 1
internal = ["198.18.0.0/15", "2001:2::/48"]
TOML
      start_server "$W/serve.toml"
      stats >/dev/null
      sleep 1
      wrk -t 1 -c 32 -d "${seconds}s" --latency -s "$W/paced.lua" "$V4/?release=1&arch=x86_64&repo=r1&cc=de" \
        >"$W/wrk.out"
      STATS=$(stats)
      ! grep -E 'Socket errors|Non-2xx' "$W/wrk.out" || fail "wrk met errors"
      awk -v crawling="$crawling" -v crawled="$(stat_of requests)" '
        $1 ~ /^(50|75|90|99)%$/ { latency = latency "  p" $1 " " $2 } /Requests\/sec/ { rate = $2 }
        END {
            printf "crawl %-5s %s  %8.0f answers/s  %6d crawl requests meanwhile\n", crawling, latency, rate, crawled
        }
      ' "$W/wrk.out"
      stop "$SERVER"
    done
  done
}

echo "# $(uname -sr), $(nproc) CPUs, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(date -u +%F)"
echo "# $mirrors mirrors × $repos repos × 2 families, $delay_ms ms, at most $threads threads"
for part; do
  case $part in pass | stuck | serve) "bench_$part" ;; *) fail "no part \`$part\`" ;; esac
done
