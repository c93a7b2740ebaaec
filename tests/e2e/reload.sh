#!/usr/bin/env bash
# HUP 20 times a second for 10 s under load: no request fails, no connection is closed, and nothing piles up. A broken
# list file put in place meanwhile changes nothing but the log and a counter; mended, it is served.
# Environment: HUPS_PER_SECOND, 20 by default, 1000 at most.
# Needs: wrk, curl.
. "$(dirname "$0")/stage.bash"
find_burst
RELOAD_SECONDS=10 HUPS_PER_SECOND=${HUPS_PER_SECOND:-20}

# The shipped inventory, so that a reload costs what it costs in life, with a file of our own to break.
mkdir "$W/lists"
cp -R "$TOP/lists/." "$W/lists/"
OWN=$W/lists/zz-e2e.toml
small_inventory "$OWN" a b c
cat >"$W/config.toml" <<TOML
listen = ["127.0.0.1:0"]
workers = 2
lists = "$W/lists"
state = "$W/state"
access_log = "$W/access.log"
TOML
start_server "$W/config.toml"
URL="$V4/?$SMALL_QUERY"

hosts() { curl -sS -m 5 "$URL" | sed 's|^[a-z]*://\([^./]*\).*|\1|' | sort | paste -sd,; }
hosts_are() { [ "$(hosts)" = "$1" ]; }
# hup_for SECONDS [MIRROR-NAME...]: paced by the clock, as a pause alone would add the time of what is between. With
# names, every other signal finds other lists, so that a snapshot is built, published and changed over to.
hup_for() {
  local began=${EPOCHREALTIME/[.,]/} count=$(($1 * HUPS_PER_SECOND)) i pause pause_us
  shift
  for ((i = 1; i <= count; i++)); do
    if [ $# -gt 0 ] && ((i % 2)); then
      small_inventory "$W/next" "$@"
      echo "# $began $i" >>"$W/next"
      mv "$W/next" "$OWN"
    fi
    kill -HUP "$SERVER"
    pause_us=$((began + i * 1000000 / HUPS_PER_SECOND - ${EPOCHREALTIME/[.,]/}))
    ((pause_us > 0)) || continue
    printf -v pause '%d.%06d' $((pause_us / 1000000)) $((pause_us % 1000000))
    sleep "$pause"
  done
}
reloads() { metric "^mirrorlistd_reloads_total\\{result=\"$1\"\\}"; }
map_count() { wc -l <"/proc/$SERVER/maps"; }
rss_kb() { awk '/^VmRSS:/ { print $2 }' "/proc/$SERVER/status"; }
load() { # NAME SECONDS: starts keep-alive and closing clients, exact ones and wrk; their ids are in LOADS
  LOADS=()
  start "$1-keep" "$BURST" --seconds "$2" --connections 16 --pause-ms 1 "$URL"; LOADS+=("$STARTED")
  start "$1-close" "$BURST" --seconds "$2" --connections 4 --close --pause-ms 1 "$URL"; LOADS+=("$STARTED")
  start "$1-wrk-keep" wrk -t 1 -c 32 -d "$2s" "$URL"; LOADS+=("$STARTED")
  start "$1-wrk-close" wrk -t 1 -c 8 -d "$2s" -H 'Connection: close' "$URL"; LOADS+=("$STARTED")
}
judge_load() { # NAME: waits for the clients and fails with the first that met an error
  local pid name=$1
  for pid in "${LOADS[@]}"; do
    wait "$pid" || fail "a request failed: $(cat "$W/$name-keep.out" "$W/$name-close.out")"
  done
  ! grep -hE 'Socket errors|Non-2xx' "$W/$name-wrk-keep.out" "$W/$name-wrk-close.out" || fail "wrk met errors"
}
p99_us() { sed -n 's/.* p99_us=\([0-9]*\).*/\1/p' "$W/$1.out"; }

hosts_are a,b,c || fail "the first answer is $(hosts)"
# break_and_mend SECONDS: a header without its second bracket, on the last line, for so long; then a fourth mirror.
break_and_mend() {
  { cat "$OWN"; echo '[[mirror]'; } >"$W/broken"
  broken_line=$(wc -l <"$W/broken")
  mv "$W/broken" "$OWN"
  hup_for "$1"
  hosts_are a,b,c || fail "with a broken file the answer is $(hosts)"
  hup_for 1 a b c d
  until_true 10 hosts_are a,b,c,d || fail "the mended file is not served: $(hosts)"
}

load still 2
judge_load still
# The base is taken after a round of the same kind: memory that is kept for good is then there.
load warm 4
hup_for 1 a b c
break_and_mend 1
hup_for 1 a b c
judge_load warm
until_true 10 hosts_are a,b,c || fail "the fourth mirror is still served: $(hosts)"
sleep 2
fds=$(server_fd_count) maps=$(map_count) rss=$(rss_kb)

done_before=$(reloads done)
# The load goes on for longer than the signals, so that none of them comes to an idle server.
load reload $((RELOAD_SECONDS + 2))
hup_for 5 a b c
until_true 10 hosts_are a,b,c || fail "the answer is $(hosts)"
failed_before=$(reloads failed)
break_and_mend 4
grep -qE "zz-e2e\.toml:$broken_line\b" "$W/server.log" "$W/server.out" || fail "no zz-e2e.toml:$broken_line in the log"
failed_after=$(reloads failed)
[ "$failed_after" -gt "$failed_before" ] || fail "no counter of failed reloads moved ($failed_before, $failed_after)"
judge_load reload
# Signals that come while a reload is under way are one signal, so there may be fewer reloads than HUPs.
done_count=$(($(reloads done) - done_before))
[ "$done_count" -ge 5 ] || fail "only $done_count reloads were done in $RELOAD_SECONDS s"
ok "$((RELOAD_SECONDS * HUPS_PER_SECOND)) HUPs under load, $done_count reloads: $(cut -d' ' -f1-7 "$W/reload-keep.out")"
ok "a connection each: $(cut -d' ' -f1-7 "$W/reload-close.out")"
ok "a broken file: old state served, zz-e2e.toml:$broken_line logged, $((failed_after - failed_before)) counted"
ok "p99 of keep-alive requests: $(p99_us still-keep) us without, $(p99_us reload-keep) us with reloads (not judged)"

settled() {
  [ "$(server_fd_count)" -le "$fds" ] && [ "$(map_count)" -le $((maps + 4)) ] &&
    [ "$(rss_kb)" -le $((rss * 12 / 10 + 2048)) ]
}
held() { echo "descriptors $fds then $(server_fd_count), maps $maps then $(map_count), RSS $rss kB then $(rss_kb) kB"; }
until_true 20 settled || fail "left behind: $(held)"
ok "$(held)"

stop "$SERVER"
ok "PASS ${0##*/}"
