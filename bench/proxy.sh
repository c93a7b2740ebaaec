#!/usr/bin/env bash
# What a hit of the proxy costs, beside nginx serving the same file from its folder, interleaved.
#
# usage: bench/proxy.sh [-r ROUNDS] [-d SECONDS] [-s "10kB 20MiB"]
# Defaults: 5 rounds of 2 s, both sizes.
#   10kB    10,000 bytes, 64 keep-alive connections
#   20MiB   20,971,520 bytes, 8 keep-alive connections
#
# How to read it. "us/hit" is CPU time of the server process (user and kernel, /proc/PID/task/*/schedstat) over the
# number of answers, the median of the rounds; of the large file the bytes that came are counted in answers, as the end
# of a round cuts off eight of them. "x nginx" and "x bare" are medians of the ratios within each round: trust these, as
# the speed of a shared machine drifts and hits all alike. "hits/s" is capped by wrk, which runs on a CPU of its own.
# "errors" must be 0.
#
# mirrorlistd runs one worker; the file is one of a repo by its stable URL, whole in the cache, and fresh. nginx is one
# process with sendfile on; like mirrorlistd it writes an access log. "bare" is nginx at its best: no log, and the file
# kept open (open_file_cache). `MIRRORLISTD_BIN` names another program than the release build here.
# Needs: two CPUs (SERVER_CPU=0, CLIENT_CPU=1), wrk, nginx-light, curl. Builds the release binary.
set -euo pipefail
rounds=5 seconds=2 sizes="10kB 20MiB"
while getopts "r:d:s:" option; do
  case $option in
    r) rounds=$OPTARG ;;
    d) seconds=$OPTARG ;;
    s) sizes=$OPTARG ;;
    *) exit 2 ;;
  esac
done
here=$(cd "$(dirname "$0")" && pwd)
[ -n "${MIRRORLISTD_BIN:-}" ] || {
  cargo build -q --release --manifest-path "$here/../Cargo.toml" --bins
  MIRRORLISTD_BIN=${CARGO_TARGET_DIR:-$here/../target}/release/mirrorlistd
}
. "$here/../tests/e2e/stage.bash"
SERVER_CPU=${SERVER_CPU:-0} CLIENT_CPU=${CLIENT_CPU:-1}
[ "$(nproc)" -gt 1 ] || fail "needs two CPUs, one for the server and one for the client"
on_server_cpu=(taskset -c "$SERVER_CPU")

# --- the files, nginx that serves them, and the proxy that got them from there
mkdir -p "$W/www" "$W/nginx"
head -c 10000 /dev/urandom >"$W/www/10kB"
head -c $((20 << 20)) /dev/urandom >"$W/www/20MiB"
nginx_port=$(pick_port) bare_port=$(pick_port)
cat >"$W/nginx.conf" <<CONF
daemon off;
master_process off;
pid $W/nginx.pid;
error_log stderr crit;
events { worker_connections 4096; }
http {
  access_log $W/nginx.access combined buffer=64k flush=1s;
  default_type application/octet-stream;
  sendfile on;
  tcp_nopush on;
  keepalive_timeout 3600s;
  keepalive_requests 1000000000;
  client_body_temp_path $W/nginx/body; proxy_temp_path $W/nginx/proxy; fastcgi_temp_path $W/nginx/fastcgi;
  uwsgi_temp_path $W/nginx/uwsgi; scgi_temp_path $W/nginx/scgi;
  root $W/www;
  server { listen 127.0.0.1:$nginx_port backlog=4096; }
  server { listen 127.0.0.1:$bare_port backlog=4096; access_log off; open_file_cache max=100; }
}
CONF
start nginx "${on_server_cpu[@]}" "$(command -v nginx || echo /usr/sbin/nginx)" -c "$W/nginx.conf" -e stderr
nginx_pid=$STARTED
until_true 5 curl -sSf -o "$W/null" "http://127.0.0.1:$nginx_port/10kB" || fail "nginx does not start"
cat >"$W/proxy.toml" <<TOML
[proxy]
listen = ["127.0.0.1:0"]
cache_dir = "$W/cache"
access_log = "$W/access.log"

[[proxy.repo]]
name = "files"
baseurl = "http://127.0.0.1:$nginx_port/"
pointer_seconds = 86400
TOML
start proxy "${on_server_cpu[@]}" "$MIRRORLISTD_BIN" proxy --config "$W/proxy.toml" --workers 1
proxy_pid=$STARTED
until_true 30 grep -q '^listening on ' "$W/proxy.out" || fail "the proxy does not listen after 30 s"
proxy_url=$(sed -n 's|^listening on \(http://[0-9.]*:[0-9]*\)$|\1|p' "$W/proxy.out" | head -n 1)/files/9/x86_64
is_hit() { curl -sSf -D "$W/head" -o "$W/got" "$proxy_url/$1" && grep -qi '^x-cache: HIT' "$W/head"; }
for size in $sizes; do
  until_true 30 is_hit "$size" || fail "$size does not become a hit: $(cat "$W/head")"
  cmp -s "$W/got" "$W/www/$size" || fail "another $size comes from the cache"
done

# --- one measurement: answers, seconds and errors from wrk, CPU time from the kernel
cat >"$W/figures.lua" <<'LUA'
function done(summary)
  local e = summary.errors
  io.write(string.format("figures %.2f %.6f %d\n",
    wrk.path:find("20MiB") and summary.bytes / (20 * 1048576) or summary.requests, summary.duration / 1e6,
    e.connect + e.read + e.write + e.status + e.timeout))
end
LUA
cpu_ns() { awk '{ sum += $1 } END { printf "%.0f\n", sum }' "/proc/$1"/task/*/schedstat; }
measure() { # ROUND SIZE NAME PID URL
  local before after figures connections=64
  [ "$2" != 20MiB ] || connections=8
  before=$(cpu_ns "$4")
  figures=$(taskset -c "$CLIENT_CPU" wrk -t 1 -c "$connections" -d "${seconds}s" -s "$W/figures.lua" "$5/$2" |
    sed -n 's/^figures //p')
  after=$(cpu_ns "$4")
  [ -n "$figures" ] || fail "wrk gave no figures for $3"
  echo "$1 $2 $3 $((after - before)) $figures" >>"$W/results"
}
for round in $(seq 0 "$rounds"); do
  for size in $sizes; do
    # In another order each time, so that none always follows the same neighbour. Round 0 warms up and is dropped.
    for name in $(shuf -e nginx bare mirrorlistd); do
      case $name in
        nginx) measure "$round" "$size" nginx "$nginx_pid" "http://127.0.0.1:$nginx_port" ;;
        bare) measure "$round" "$size" bare "$nginx_pid" "http://127.0.0.1:$bare_port" ;;
        mirrorlistd) measure "$round" "$size" mirrorlistd "$proxy_pid" "$proxy_url" ;;
      esac
    done
  done
done

echo "# $(uname -sr), $(nproc) CPUs, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(date -u +%F)"
echo "# $rounds rounds of $seconds s"
awk -v sizes="$sizes" '
  function median(values, count,  i, j, kept) {
    for (i = 2; i <= count; i++) {
      kept = values[i]
      for (j = i; j > 1 && kept < values[j - 1]; j--) values[j] = values[j - 1]
      values[j] = kept
    }
    return count % 2 ? values[(count + 1) / 2] : (values[count / 2] + values[count / 2 + 1]) / 2
  }
  function over(size, name, other,  round, values, count) {
    for (round = 1; round <= rounds; round++)
      values[++count] = cost[round, size, name] / (other == "" ? 1 : cost[round, size, other])
    return median(values, count)
  }
  $1 > 0 { cost[$1, $2, $3] = $4 / 1000 / $5; sum[$2, $3] += $5; time[$2, $3] += $6; if ($1 > rounds) rounds = $1 }
  { errors[$2, $3] += $7 }
  END {
    printf "%-8s %-12s %9s %8s %8s %9s %7s\n", "", "", "us/hit", "x nginx", "x bare", "hits/s", "errors"
    count = split(sizes, order, " "); split("nginx bare mirrorlistd", names, " ")
    for (s = 1; s <= count; s++) for (n = 1; n <= 3; n++) {
      size = order[s]; name = names[n]
      printf "%-8s %-12s %9.2f %8.2f %8.2f %9.0f %7d\n", size, name, over(size, name, ""), over(size, name, "nginx"),
        over(size, name, "bare"), sum[size, name] / time[size, name], errors[size, name]
    }
  }' "$W/results"
