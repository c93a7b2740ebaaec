#!/usr/bin/env bash
# What a request costs: mirrorlistd beside a server that does no work and nginx's constant answer, interleaved.
#
# usage: bench/load.sh [-r ROUNDS] [-d SECONDS] [-s "keep pipe close redirect page"]
# Defaults: 5 rounds of 2 s, all five.
#   keep    64 keep-alive connections         pipe    64 connections, 16 requests at a time
#   close   64 clients, a connection for every request
#   redirect, page   64 keep-alive connections that ask for an image, as curl does and as a browser
#
# How to read it. "us/req" is CPU time of the server process (user and kernel, /proc/PID/task/*/schedstat) over the
# number of answers, the median of the rounds. "x null" and "x nginx" are medians of the ratios within each round: trust
# these, as the speed of a shared machine drifts and hits all three alike. "req/s" is capped by wrk, which runs on a CPU
# of its own and usually saturates first; do not compare it. "errors" must be 0.
#
# mirrorlistd runs one worker with the shipped inventory and the access log on; every request comes from another client,
# a uniformly random IPv4 address told by a trusted proxy, asking for one of a mix of repos with dnf's own headers. The
# other two get the very same bytes and send one of mirrorlistd's bodies back; nginx writes no log.
# Needs: two CPUs (SERVER_CPU=0, CLIENT_CPU=1), wrk, nginx-light, curl. Builds the release binary.
set -euo pipefail
rounds=5 seconds=2 scenarios="keep pipe close redirect page"
while getopts "r:d:s:" option; do
  case $option in
    r) rounds=$OPTARG ;;
    d) seconds=$OPTARG ;;
    s) scenarios=$OPTARG ;;
    *) exit 2 ;;
  esac
done
here=$(cd "$(dirname "$0")" && pwd)
cargo build -q --release --manifest-path "$here/../Cargo.toml" --bins --examples
MIRRORLISTD_BIN=${MIRRORLISTD_BIN:-${CARGO_TARGET_DIR:-$here/../target}/release/mirrorlistd}
. "$here/../tests/e2e/stage.bash"
NULL_SERVER=${NULL_SERVER:-$TARGET/release/examples/null-server}
SERVER_CPU=${SERVER_CPU:-0} CLIENT_CPU=${CLIENT_CPU:-1}
[ "$(nproc)" -gt 1 ] || fail "needs two CPUs, one for the server and one for the client"
on_server_cpu=(taskset -c "$SERVER_CPU")

# --- the three servers
cat >"$W/config.toml" <<TOML
listen = ["127.0.0.1:0"]
workers = 1
lists = "$TOP/lists"
access_log = "$W/access.log"
trusted_proxies = ["127.0.0.1/32"]
TOML
start_server "$W/config.toml" "${on_server_cpu[@]}"
target='/?release=9&arch=x86_64&repo=baseos'
curl -sS -m 5 -H 'X-Forwarded-For: 141.30.1.1' -o "$W/body" "$V4$target"
grep -q '^http.*://' "$W/body" || fail "no list for $target: $(head -n 1 "$W/body")"

start null "${on_server_cpu[@]}" "$NULL_SERVER" 0 "$W/body"
null_pid=$STARTED
start null-close "${on_server_cpu[@]}" "$NULL_SERVER" --close 0 "$W/body"
null_close_pid=$STARTED
nginx_port=$(pick_port)
mkdir "$W/nginx"
cat >"$W/nginx.conf" <<CONF
daemon off;
master_process off;
pid $W/nginx.pid;
error_log stderr crit;
events { worker_connections 4096; }
http {
  access_log off;
  default_type text/plain;
  keepalive_timeout 3600s;
  keepalive_requests 1000000000;
  client_body_temp_path $W/nginx/body; proxy_temp_path $W/nginx/proxy; fastcgi_temp_path $W/nginx/fastcgi;
  uwsgi_temp_path $W/nginx/uwsgi; scgi_temp_path $W/nginx/scgi;
  server { listen 127.0.0.1:$nginx_port backlog=4096; location / { return 200 "$(tr '$"\\' '___' <"$W/body")
"; } }
}
CONF
start nginx "${on_server_cpu[@]}" "$(command -v nginx || echo /usr/sbin/nginx)" -c "$W/nginx.conf" -e stderr
nginx_pid=$STARTED
until_true 5 curl -sS "http://127.0.0.1:$nginx_port/" || fail "nginx does not start"
listening() { sed -n 's/^listening on //p' "$W/$1.out"; }
for name in null null-close; do until_true 5 grep -q listening "$W/$name.out" || fail "$name does not start"; done

# --- one measurement: requests, seconds and errors from wrk, CPU time from the kernel
cat >"$W/clients.lua" <<'LUA'
-- Every request is formatted beforehand, so that the client spends its time on sending.
local batches, turn = {}, 0
local repos = { "baseos", "baseos", "baseos", "appstream", "appstream", "appstream", "extras", "crb" }
function init(arguments)
  math.randomseed(20261122)
  local depth = arguments[1] == "pipe" and 16 or 1
  local connection = arguments[1] == "close" and "Connection: close\r\n" or ""
  local image = ({
    redirect = "GET /almalinux/9/isos/x86_64/AlmaLinux-9.8-x86_64-dvd.iso HTTP/1.1\r\nHost: %s:%s\r\n" ..
      "User-Agent: curl/8.5.0\r\nAccept: */*\r\nX-Forwarded-For: %s\r\n\r\n",
    page = "GET /almalinux/9/isos/x86_64/AlmaLinux-9.8-x86_64-dvd.iso HTTP/1.1\r\nHost: %s:%s\r\n" ..
      "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n" ..
      "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nX-Forwarded-For: %s\r\n\r\n",
  })[arguments[1]]
  for i = 1, 8192 / depth do
    local batch = {}
    for j = 1, depth do
      local address = string.format("%d.%d.%d.%d", math.random(1, 223), math.random(0, 255), math.random(0, 255),
        math.random(1, 254))
      batch[j] = image and string.format(image, wrk.host, wrk.port, address) or
        string.format("GET /?release=9&arch=x86_64&repo=%s HTTP/1.1\r\nHost: %s:%s\r\n" ..
          "User-Agent: libdnf (AlmaLinux 9.8; generic; Linux.x86_64)\r\nAccept: */*\r\nCache-Control: no-cache\r\n" ..
          "Pragma: no-cache\r\nX-Forwarded-For: %s\r\n%s\r\n", repos[math.random(#repos)], wrk.host, wrk.port, address,
          connection)
    end
    batches[i] = table.concat(batch)
  end
end
function request()
  turn = turn % #batches + 1
  return batches[turn]
end
function done(summary)
  local e = summary.errors
  io.write(string.format("figures %d %.6f %d\n", summary.requests, summary.duration / 1e6,
    e.connect + e.read + e.write + e.status + e.timeout))
end
LUA
cpu_ns() { awk '{ sum += $1 } END { printf "%.0f\n", sum }' "/proc/$1"/task/*/schedstat; }
measure() { # ROUND SCENARIO NAME PID URL
  local before after figures
  before=$(cpu_ns "$4")
  figures=$(taskset -c "$CLIENT_CPU" wrk -t 1 -c 64 -d "${seconds}s" -s "$W/clients.lua" "$5/" -- "$2" |
    sed -n 's/^figures //p')
  after=$(cpu_ns "$4")
  [ -n "$figures" ] || fail "wrk gave no figures for $3"
  echo "$1 $2 $3 $((after - before)) $figures" >>"$W/results"
}
for round in $(seq 0 "$rounds"); do
  for scenario in $scenarios; do
    null=$null_pid null_name=null
    [ "$scenario" != close ] || null=$null_close_pid null_name=null-close
    # In another order each time, so that none always follows the same neighbour. Round 0 warms up and is dropped.
    for name in $(shuf -e null nginx mirrorlistd); do
      case $name in
        null) measure "$round" "$scenario" null "$null" "$(listening $null_name)" ;;
        nginx) measure "$round" "$scenario" nginx "$nginx_pid" "http://127.0.0.1:$nginx_port" ;;
        mirrorlistd) measure "$round" "$scenario" mirrorlistd "$SERVER" "$V4" ;;
      esac
    done
  done
done

echo "# $(uname -sr), $(nproc) CPUs, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(date -u +%F)"
echo "# body $(stat -c %s "$W/body") bytes, $rounds rounds of $seconds s;" \
  "mirrorlistd logged $(wc -l <"$W/access.log") requests"
awk -v scenarios="$scenarios" '
  function median(values, count,  i, j, kept) {
    for (i = 2; i <= count; i++) {
      kept = values[i]
      for (j = i; j > 1 && kept < values[j - 1]; j--) values[j] = values[j - 1]
      values[j] = kept
    }
    return count % 2 ? values[(count + 1) / 2] : (values[count / 2] + values[count / 2 + 1]) / 2
  }
  function over(scenario, name, other,  round, values, count) {
    for (round = 1; round <= rounds; round++)
      values[++count] = cost[round, scenario, name] / (other == "" ? 1 : cost[round, scenario, other])
    return median(values, count)
  }
  $1 > 0 { cost[$1, $2, $3] = $4 / 1000 / $5; sum[$2, $3] += $5; time[$2, $3] += $6; if ($1 > rounds) rounds = $1 }
  { errors[$2, $3] += $7 }
  END {
    printf "%-8s %-12s %9s %8s %8s %9s %7s\n", "", "", "us/req", "x null", "x nginx", "req/s", "errors"
    count = split(scenarios, order, " "); split("null nginx mirrorlistd", names, " ")
    for (s = 1; s <= count; s++) for (n = 1; n <= 3; n++) {
      scenario = order[s]; name = names[n]
      printf "%-8s %-12s %9.2f %8.2f %8.2f %9.0f %7d\n", scenario, name, over(scenario, name, ""),
        over(scenario, name, "null"), over(scenario, name, "nginx"), sum[scenario, name] / time[scenario, name],
        errors[scenario, name]
    }
  }' "$W/results"
