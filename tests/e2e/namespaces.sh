#!/usr/bin/env bash
# Clients with addresses from all over the world get the mirrors of their country: two network namespaces, joined by a
# veth pair, in which those addresses are ours. Shipped inventory, shipped country table, both address families.
# Needs: root with network namespaces (skips where it may not), iproute2, curl.
. "$(dirname "$0")/stage.bash"

SERVER_NS=mirrorlistd-s-$$ CLIENT_NS=mirrorlistd-c-$$
clean_up() {
  ip netns del "$SERVER_NS" 2>/dev/null || true
  ip netns del "$CLIENT_NS" 2>/dev/null || true
}
if ! ip netns add "$SERVER_NS" 2>"$W/netns.err"; then
  echo "skipped: no network namespaces here: $(head -n 1 "$W/netns.err")"
  exit 0
fi
ip netns add "$CLIENT_NS"
in_server() { ip netns exec "$SERVER_NS" "$@"; }
in_client() { ip netns exec "$CLIENT_NS" "$@"; }
if ! ip link add "ms$$" netns "$SERVER_NS" type veth peer name "mc$$" netns "$CLIENT_NS" 2>"$W/netns.err"; then
  echo "skipped: no veth pair here: $(head -n 1 "$W/netns.err")"
  exit 0
fi

# Country, and an address of each family that has been a university's or research network's there for decades.
CLIENTS=(
  "DE 141.30.1.1 2001:638:902::1"
  "JP 133.11.0.1 2001:200::8002:203:47ff:fea5:1"
  "FR 134.157.0.1 2001:660:3000::1"
)
in_server ip addr add 192.0.2.1/32 dev "ms$$"
in_server ip addr add 2001:db8::1/128 dev "ms$$" nodad
for ns in "$SERVER_NS ms$$" "$CLIENT_NS mc$$"; do
  ip -n "${ns% *}" link set lo up
  ip -n "${ns% *}" link set "${ns#* }" up
done
for client in "${CLIENTS[@]}"; do
  read -r _ ipv4 ipv6 <<<"$client"
  in_client ip addr add "$ipv4/32" dev "mc$$"
  in_client ip addr add "$ipv6/128" dev "mc$$" nodad
  in_server ip route add "$ipv4/32" dev "ms$$"
  in_server ip -6 route add "$ipv6/128" dev "ms$$"
done
in_client ip route add 192.0.2.1/32 dev "mc$$"
in_client ip -6 route add 2001:db8::1/128 dev "mc$$"

cat >"$W/config.toml" <<TOML
listen = ["192.0.2.1:0", "[2001:db8::1]:0"]
workers = 1
lists = "$TOP/lists"
TOML
start_server "$W/config.toml" ip netns exec "$SERVER_NS"

# Hosts of the mirrors that the shipped inventory places in a country, read here without our own code.
hosts_in() {
  find "$TOP/lists" -name '*.toml' -exec cat {} + | awk -v wanted="$1" '
    function flush() { if (country == wanted) printf "%s", hosts; hosts = ""; country = "" }
    /^\[\[/ { flush(); mirror = /^\[\[mirror\]\]/ }
    mirror && /^country *=/ { split($0, part, "\""); country = part[2] }
    mirror { rest = $0; while (match(rest, /"https?:\/\/[^\/"]+/)) {
      host = substr(rest, RSTART + 1, RLENGTH - 1); sub(/^https?:\/\//, "", host); hosts = hosts host "\n"
      rest = substr(rest, RSTART + RLENGTH) } }
    END { flush() }' | sort -u
}
ask() { # BASE-URL CLIENT-ADDRESS [MORE-QUERY]: hosts of the list, in its order
  in_client curl -sSg -m 10 --interface "$2" "$1/?release=9&arch=x86_64&repo=baseos${3:-}" >"$W/answer"
  sed -n 's|^https\{0,1\}://\([^/]*\)/.*|\1|p' "$W/answer"
}
# leads_with COUNTRY HOSTS: whether the list begins with that country's mirrors, as many as it has, five at most.
leads_with() {
  local known count
  known=$(hosts_in "$1")
  count=$(wc -l <<<"$known")
  [ -n "$known" ] || fail "the shipped inventory has no mirror in $1"
  [ "$count" -le 5 ] || count=5
  # https and http may name two hosts of one mirror; half of them is then all there is to expect.
  [ "$count" -ge 5 ] || count=1
  [ "$(head -n "$count" <<<"$2" | grep -cxFf <(echo "$known"))" = "$count" ]
}
for client in "${CLIENTS[@]}"; do
  read -r country ipv4 ipv6 <<<"$client"
  for pair in "$V4 $ipv4" "$V6 $ipv6"; do
    hosts=$(ask "${pair% *}" "${pair#* }")
    leads_with "$country" "$hosts" ||
      fail "a client at ${pair#* } is not given mirrors in $country first: $(cat "$W/answer")"
    ok "a client at ${pair#* } gets mirrors in $country: $(head -n 1 <<<"$hosts"), …"
  done
done
hosts=$(ask "$V4" "141.30.1.1" "&cc=jp")
leads_with JP "$hosts" || fail "cc=jp does not override the client's address: $(cat "$W/answer")"
ok "cc=jp overrides the client's address"

stop "$SERVER"
ok "PASS ${0##*/}"
