#!/usr/bin/env bash
# What a peer can use up is bounded: thousands of idle connections cost little, running out of descriptors passes, a
# head that never ends is ended, and the access log is whole across rotations.
# Needs: curl. Raises its own limit of open files as far as it may.
. "$(dirname "$0")/stage.bash"
find_burst
ulimit -n 20000 2>/dev/null || ulimit -n "$(ulimit -Hn)"
trap '' PIPE

mkdir "$W/lists"
small_inventory "$W/lists/e2e.toml" a b c
cat >"$W/config.toml" <<TOML
listen = ["127.0.0.1:0"]
workers = 1
lists = "$W/lists"
access_log = "$W/access.log"
TOML
start_server "$W/config.toml"

# open_connections COUNT: that many, each with one request sent; their descriptors are in FDS.
open_connections() {
  local i fd
  FDS=()
  for ((i = 0; i < $1; i++)); do
    exec {fd}<>"/dev/tcp/127.0.0.1/${V4##*:}"
    FDS+=("$fd")
    printf 'HEAD /?%s HTTP/1.1\r\nHost: e2e\r\n\r\n' "$SMALL_QUERY" >&"$fd" 2>/dev/null || true
  done
}
close_connections() {
  local fd
  for fd in "${FDS[@]}"; do exec {fd}>&-; done
}
# Whether the connection brings a whole head with status 200 next.
answered() {
  local line
  read -r -t 5 line <&"$1" && [[ $line == "HTTP/1.1 200 "* ]] || return 1
  while read -r -t 5 line <&"$1"; do
    [ "$line" != $'\r' ] || return 0
  done
  return 1
}
answers_now() { [ "$(curl -sS -m 5 "$V4/?$SMALL_QUERY" | wc -l)" = 3 ]; }
# The share of one CPU that the server takes over some seconds, in per mille.
cpu_per_mille() {
  local before
  before=$(server_cpu_ns)
  sleep "$1"
  echo $((($(server_cpu_ns) - before) / $1 / 1000000))
}

# --- idle connections
answers_now || fail "no first answer"
idle_count=$(($(ulimit -n) > 6000 ? 5000 : $(ulimit -n) / 2))
before_kb=$(server_anon_kb)
open_connections "$idle_count"
for fd in "${FDS[@]}"; do answered "$fd" || fail "an idle connection had no first answer"; done
answers_now || fail "no answer beside $idle_count idle connections"
held_kb=$(($(server_anon_kb) - before_kb))
idle_bytes=$((held_kb * 1024 / idle_count))
# The goal is 300; the rest is room for the pages at both ends and for buffers that the loop took in its first turns.
[ "$idle_bytes" -le 400 ] || fail "$idle_bytes bytes for each idle connection"
busy=$(cpu_per_mille 3)
[ "$busy" -le 20 ] || fail "$idle_count idle connections cost $busy/1000 of a CPU"
for fd in "${FDS[@]:0:10}" "${FDS[@]: -10}"; do
  printf 'HEAD /?%s HTTP/1.1\r\nHost: e2e\r\n\r\n' "$SMALL_QUERY" >&"$fd"
  answered "$fd" || fail "an idle connection was not served again"
done
close_connections
ok "$idle_count idle connections: $idle_bytes bytes of memory each, $busy/1000 of a CPU, still served"

# --- heads that never end
slow_head() {
  local line='' part began=$EPOCHSECONDS
  exec 3<>"/dev/tcp/127.0.0.1/${V4##*:}"
  printf 'GET /?%s HTTP/1.1\r\nHost: e2e\r\n' "$SMALL_QUERY" >&3
  # The read is the pause, which may end in the middle of the answer; each line sent is a sign of life that must not
  # prolong anything.
  while ! read -r -t 1 part <&3 && ((EPOCHSECONDS - began < 20)); do
    line+=$part
    printf 'X-Slow: 1\r\n' >&3 2>/dev/null || break
  done
  echo "$((EPOCHSECONDS - began)) $line$part"
}
slow_pids=()
for i in $(seq 20); do
  slow_head >"$W/slow.$i" &
  slow_pids+=($!)
done
sleep 2
answers_now || fail "no answer beside slow heads"
for pid in "${slow_pids[@]}"; do wait "$pid"; done
for i in $(seq 20); do
  read -r seconds status <"$W/slow.$i"
  [[ $status == "HTTP/1.1 408 "* ]] || fail "a slow head got '$status' after $seconds s, not 408"
  ((seconds >= 8 && seconds <= 13)) || fail "a slow head ended after $seconds s, not about 10"
done
ok "20 heads that never end: 408 after 10 s each, others served meanwhile"

# --- the access log, rotated under load
requests=20000
start burst "$BURST" --requests $requests --connections 8 --pause-ms 1 \
  --header 'User-Agent: e2e/1 (log)' --header 'Referer: http://e2e.example/' "$V4/?$SMALL_QUERY&e2e=log"
burst=$STARTED
for i in $(seq 5); do
  sleep 0.4
  mv "$W/access.log" "$W/access.log.$i"
  kill -USR1 "$SERVER"
  until_true 5 test -e "$W/access.log" || fail "no new access log after USR1"
done
wait "$burst" || fail "requests failed: $(cat "$W/burst.out")"
logged() { cat "$W"/access.log* | grep -cF 'e2e=log' || true; }
all_logged() { [ "$(logged)" = $requests ]; }
until_true 10 all_logged || fail "$(logged) of $requests requests are in the log"
combined='^127\.0\.0\.1 - - \[[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:[0-9]{2}:[0-9]{2}:[0-9]{2} [-+][0-9]{4}\] '
combined+='"GET /\?[^ "]+ HTTP/1\.1" 200 [0-9]+ "http://e2e\.example/" "e2e/1 \(log\)"$'
odd=$(cat "$W"/access.log* | grep -F 'e2e=log' | grep -Ev "$combined" | head -n 1 || true)
[ -z "$odd" ] || fail "not the combined format: $odd"
ok "$requests requests, 5 rotations of the log, $requests lines in the combined format"
stop "$SERVER"

# --- out of descriptors
start_server "$W/config.toml" bash -c 'ulimit -n 64; exec "$@"' limited
open_connections 300
for i in $(seq 5); do until_true 10 answers_now || fail "no answer while descriptors are short, try $i"; done
busy=$(cpu_per_mille 2)
[ "$busy" -le 200 ] || fail "out of descriptors it spins: $busy/1000 of a CPU"
[ "$(server_fd_count)" -le 64 ] || fail "over its limit of descriptors"
ok "300 connections with 64 descriptors: new clients are served, $busy/1000 of a CPU"
close_connections
for i in $(seq 20); do until_true 5 answers_now || fail "no answer after the shortage, try $i"; done
kill -0 "$SERVER" || fail "the server ended"
ok "after the shortage all is as before"

stop "$SERVER"
ok "PASS ${0##*/}"
