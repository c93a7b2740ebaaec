#!/usr/bin/env bash
# A farm of mirrors, good and bad, in network and mount namespaces of its own: real nginx, real repositories, both
# address families, names from a hosts file. Nothing in it can reach or be reached by anything outside.
#
# usage: tools/farm.sh enter COMMAND...           runs the command in new namespaces; needs root or user namespaces
#        tools/farm.sh make FOLDER [COUNT]        writes a farm of COUNT mirrors (60), one of each bad kind among them
#   and, once inside:
#        tools/farm.sh serve FOLDER               runs it until it is ended; says `farm of COUNT mirrors is up`
#        tools/farm.sh check FOLDER [NAME...]     looks at every mirror with curl: does it do what its kind says?
#        tools/farm.sh publish FOLDER GENERATION  0 to 2; moves the master and all that keep up with it to it
#        tools/farm.sh break FOLDER FAULT NAME... down: 503; page: an HTML page with 200; gone: every file is a 404
#        tools/farm.sh mend FOLDER NAME...
#
# FOLDER then holds, for whoever crawls it:
#   lists/         the inventory: distribution `farm`, release 9.1 (9), x86_64 and aarch64, repos os, updates, extras…,
#                  and ISO files for x86_64
#   internal       networks that the farm is in, to be allowed to the crawler, one per line
#   expected.tsv   mirror, kind, release/arch/repo (of an image release/arch/branch/kind/file), family, protocol,
#                  finding with the master at generation 1, finding once it moved on to 2. A finding may
#                  be several, parted by `|`, any of which is right.
#   mirrors.tsv    mirror, kind, IPv4 address, IPv6 address
#   trapped.log    a line `trapped …` for each connection that nobody should have made
#   access.log     of nginx: address and name of the mirror, request, status, User-Agent
#   ca.pem         who signed the certificates. FARM_CA_TRUSTED=yes at `make` when the crawler will trust it.
#
# Needs: nginx createrepo_c rpmbuild openssl curl iproute2, and the example bad-mirror (BAD_MIRROR names it).
set -euo pipefail
TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
NGINX=$(command -v nginx || echo /usr/sbin/nginx)
SCRIPT=$TOP/tools/farm.sh

# Addresses reserved for benchmarks (RFC 2544, RFC 5180): no mirror of the world is there, should one ever get out.
FARM_V4=198.18 FARM_V6=2001:2:0:
# Addresses that no crawler may connect to, but for those that it is told of.
TRAP_V4=10.255.0.1 TRAP_V6=fd00:255::1
INSIDE_V4=10.255.1.1 INSIDE_V6=fd00:255:1::1
# And one that the inventory names as an address, which is the other way to allow it.
LITERAL_V4=10.255.2.1

ARCHES=(x86_64 aarch64)
# Twenty in all, so that publication does not refuse a map of repos this small.
REPOS=(os updates extras devel plus crb highavailability nfv rt sap)
# Images, for x86_64 alone. A mirror that is partial lacks the second.
IMAGES=(farm-9.1-boot.iso farm-9.1-dvd.iso)
# Where good mirrors are, in turn.
COUNTRIES=(DE FR US JP BR AU)
# Kinds that a well-kept farm is full of; every seventh keeps no IPv6.
COMMON=(good good https good stale good partial good good)
# One of each: what can be wrong with a mirror, and what may look wrong and is not.
ODD=(
  ancient ahead hollow partial shortened empty moved forbidden missing error teapot soft-404 gzip bomb closing v6-only
  v4-only https-refused self-signed expired wrong-host plain-https refused unreachable nameless internal loopback mapped
  redirecting inside literal slow silent reset cut truncating unended endless endless-head drip drip-head garbage
  old hangup
)

enter() {
  local as_root=()
  [ "$(id -u)" = 0 ] || as_root=(--map-root-user)
  FARM_INSIDE=yes exec unshare ${as_root[@]+"${as_root[@]}"} --net --mount bash -c '
    set -eu
    v4=$1 v6=$2
    shift 2
    ip link set lo up
    # An address besides 127.0.0.1, else resolvers that are asked for what can be reached leave IPv4 out.
    ip addr add "$v4.254.254/32" dev lo
    ip route add local "$v4.0.0/16" dev lo
    ip -6 route add local "$v6:/48" dev lo
    ip route add local 10.255.0.0/16 dev lo
    ip -6 route add local fd00:255::/32 dev lo
    # In the same table, where the longest prefix wins.
    ip route add table local unreachable "$v4.255.0/24" 2>/dev/null
    ip -6 route add table local unreachable "${v6}ffff::/64" 2>/dev/null
    # Names come from a file alone: there is no resolver in here that could be asked.
    files=$(mktemp -d)
    printf "127.0.0.1 localhost\n::1 localhost\n" >"$files/hosts"
    printf "hosts: files\npasswd: files\ngroup: files\n" >"$files/nsswitch"
    mount --bind "$files/hosts" /etc/hosts
    mount --bind "$files/nsswitch" /etc/nsswitch.conf
    # The mounts hold the files, so their names may go.
    rm -r "$files"
    exec "$@"' farm "$FARM_V4" "$FARM_V6" "$@"
}

is_inside() {
  [ "${FARM_INSIDE:-}" = yes ] && return
  echo "run it by \`$0 enter\`: outside there are other people's addresses" >&2
  exit 2
}

# --- writing a farm

# Small repositories, three generations of each; then the trees that bad mirrors have in place of them.
make_trees() {
  local generation repo_index arch dir file
  cat >"$F/hello.spec" <<'SPEC'
Name: farm-hello
Version: %{generation}
Release: 1
Summary: Says hello
License: MIT
BuildArch: noarch
%description
A package to find.
%install
mkdir -p %{buildroot}/usr/share/farm-hello
echo %{generation} >%{buildroot}/usr/share/farm-hello/generation
%files
/usr/share/farm-hello/generation
SPEC
  for generation in 0 1 2; do
    rpmbuild --quiet --define "_topdir $F/rpmbuild" --define "_rpmdir $F/rpms/$generation" \
      --define "generation $generation" -bb "$F/hello.spec" >"$F/rpmbuild.log" 2>&1
    for repo_index in "${!REPOS[@]}"; do
      for arch in "${ARCHES[@]}"; do
        dir=$F/www/$generation/full/9.1/${REPOS[repo_index]}/$arch
        mkdir -p "$dir"
        cp "$F/rpms/$generation/noarch"/*.rpm "$dir/"
        # A revision of its own makes each repomd.xml another one, and the same in every run.
        createrepo_c -q --set-timestamp-to-revision \
          --revision $((1700000000 + generation * 100000 + repo_index * 10 + ${#arch})) "$dir" >"$F/createrepo.log" 2>&1
      done
    done
    # The same in all generations: images stay as they are while repos move on.
    dir=$F/www/$generation/full/9.1/isos/x86_64
    mkdir -p "$dir"
    for file in "${IMAGES[@]}"; do
      # Of one letter each, `b` and `d`.
      head -c 100000 /dev/zero | tr '\0' "${file:9:1}" >"$dir/$file"
    done
    (cd "$dir" && sha256sum -- *.iso >CHECKSUM && touch -d 2026-01-02T03:04:05Z -- *)
    dir=$F/www/$generation
    cp -a "$dir/full" "$dir/hollow"
    find "$dir/hollow" -name '*primary.xml*' -delete
    cp -a "$dir/full" "$dir/partial"
    rm -r "$dir/partial/9.1/extras/aarch64"
    rm "$dir/partial/9.1/isos/x86_64/${IMAGES[1]}"
    cp -a "$dir/full" "$dir/shortened"
    cp -a "$dir/full" "$dir/empty"
    cp -a "$dir/full" "$dir/gzip"
    cp -a "$dir/full" "$dir/bomb"
    # 100 MB of nothing, in 100 kB.
    head -c 100000000 /dev/zero | gzip >"$F/bomb.gz"
    for file in $(cd "$dir/full" && find . -name repomd.xml); do
      truncate -s 700 "$dir/shortened/$file"
      truncate -s 0 "$dir/empty/$file"
      gzip -k "$dir/gzip/$file"
      ln "$F/bomb.gz" "$dir/bomb/$file.gz"
    done
  done
}

make_certificates() {
  mkdir "$F/tls"
  (
    cd "$F/tls"
    key=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
    sign() { # NAME HOST DAYS-FROM DAYS-TO
      openssl req -new "${key[@]}" -keyout "$1.key" -out "$1.csr" -subj "/CN=$1"
      openssl ca -batch -config ca.conf -in "$1.csr" -out "$1.pem" -notext \
        -startdate "$(date -u -d "$3 days" +%Y%m%d%H%M%SZ)" -enddate "$(date -u -d "$4 days" +%Y%m%d%H%M%SZ)" \
        -extfile <(printf 'subjectAltName=DNS:%s\nextendedKeyUsage=serverAuth\n' "$2")
    }
    touch index.txt
    echo 01 >serial
    cat >ca.conf <<'CONF'
[ca]
default_ca = farm
[farm]
dir = .
database = index.txt
serial = serial
new_certs_dir = .
certificate = ca.pem
private_key = ca.key
default_md = sha256
policy = any
[any]
commonName = supplied
CONF
    openssl req -x509 "${key[@]}" -keyout ca.key -out ca.pem -days 3650 -subj /CN=farm -addext keyUsage=keyCertSign
    openssl req -x509 "${key[@]}" -keyout self.key -out self.pem -days 3650 -subj /CN=self \
      -addext 'subjectAltName=DNS:*.farm.example'
    sign good '*.farm.example' -2 3650
    sign expired '*.farm.example' -20 -10
    sign other '*.other.example' -2 3650
  ) >"$F/openssl.log" 2>&1 || { cat "$F/openssl.log" >&2; exit 1; }
  cp "$F/tls/ca.pem" "$F/ca.pem"
}

# What the crawler should find: finding KIND REPO-KEY FAMILY PROTOCOL GENERATION.
# After three 30x, 403 or 404, and after any failure to talk, a mirror is left alone: hence `discarded`.
finding() {
  local signed=certificate
  [ "${FARM_CA_TRUSTED:-no}" != yes ] || signed=same
  case $1/$4 in
    good/* | closing/* | old/* | hangup/* | inside/* | https/http | self-signed/http | https-refused/http) echo same ;;
    https/https) [ $signed = same ] && echo same || echo 'certificate|discarded' ;;
    stale/*) [ "$5" = 1 ] && echo same || echo behind ;;
    ahead/*) [ "$5" = 1 ] && echo newer || echo same ;;
    ancient/*) echo different ;;
    hollow/*) echo inconsistent ;;
    partial/*) [ "$2" = 9.1/aarch64/extras ] && echo missing || echo same ;;
    shortened/*) echo 'truncated|not_metadata' ;;
    empty/*) echo empty ;;
    moved/* | redirecting/*) echo 'redirected|discarded' ;;
    forbidden/*) echo 'forbidden|discarded' ;;
    missing/*) echo 'missing|discarded' ;;
    error/*) echo 'server_error|discarded' ;;
    teapot/*) echo 'other_status|discarded' ;;
    soft-404/*) echo not_metadata ;;
    gzip/* | bomb/*) echo encoded ;;
    v6-only/*) [ "$3" = ipv6 ] && echo same || echo 'not_resolved|discarded' ;;
    v4-only/*) [ "$3" = ipv4 ] && echo same || echo 'not_resolved|discarded' ;;
    https-refused/https | refused/*) echo 'refused|discarded' ;;
    self-signed/https | expired/* | wrong-host/*) echo 'certificate|discarded' ;;
    plain-https/*) echo 'tls|discarded' ;;
    unreachable/*) echo 'unreachable|discarded' ;;
    nameless/*) echo 'not_resolved|discarded' ;;
    internal/* | loopback/*) echo 'internal_address|discarded' ;;
    mapped/*) [ "$3" = ipv6 ] && echo 'internal_address|discarded' || echo 'internal_address|not_resolved|discarded' ;;
    literal/*) [ "$3" = ipv4 ] && echo same || echo 'not_resolved|discarded' ;;
    slow/* | drip/* | drip-head/*) echo 'too_slow|timed_out|discarded' ;;
    silent/*) echo 'timed_out|discarded' ;;
    reset/*) echo 'reset|discarded' ;;
    cut/*) echo 'reset|truncated|discarded' ;;
    truncating/* | unended/*) echo 'truncated|discarded' ;;
    endless/*) echo 'too_long|discarded' ;;
    endless-head/* | garbage/*) echo 'bad_http|discarded' ;;
  esac
}

# What it should find of images: image_finding KIND FILE FAMILY PROTOCOL; FILE is empty for their folder. Not of all
# kinds.
image_finding() {
  case $1 in
    partial)
      case $2 in
        "${IMAGES[1]}") echo missing ;;
        '') echo inconsistent ;;
        *) echo same ;;
      esac
      ;;
    good | stale | ahead | closing | hollow | shortened) echo same ;;
    forbidden | missing | error) finding "$1" '' "$3" "$4" 1 ;;
    soft-404) [ -n "$2" ] && echo 'truncated|different' || echo not_metadata ;;
    v4-only | v6-only | https | self-signed) finding "$1" '' "$3" "$4" 1 ;;
    *) return 1 ;;
  esac
}

# What curl shows: `EXIT STATUS BYTES GENERATION CODING`, as an extended regular expression.
curl_shows() { # KIND FAMILY PROTOCOL
  case $1/$3 in
    good/* | closing/* | old/* | hangup/* | inside/* | https/* | partial/* | hollow/* | self-signed/http | \
      https-refused/http)
      echo '0 200 [0-9]+ now -' ;;
    stale/*) echo '0 200 [0-9]+ 1 -' ;;
    ahead/*) echo '0 200 [0-9]+ 2 -' ;;
    ancient/*) echo '0 200 [0-9]+ 0 -' ;;
    shortened/*) echo '0 200 700 other -' ;;
    empty/*) echo '0 200 0 other -' ;;
    moved/*) echo '0 301 [0-9]+ other -' ;;
    redirecting/*) echo '0 302 [0-9]+ other -' ;;
    forbidden/*) echo '0 403 [0-9]+ other -' ;;
    missing/*) echo '0 404 [0-9]+ other -' ;;
    error/*) echo '0 503 [0-9]+ other -' ;;
    teapot/*) echo '0 418 [0-9]+ other -' ;;
    soft-404/*) echo '0 200 [0-9]+ other -' ;;
    gzip/* | bomb/*) echo '0 200 [0-9]+ other gzip' ;;
    v6-only/*) [ "$2" = ipv6 ] && echo '0 200 [0-9]+ now -' || echo '[67] 000 0 other -' ;;
    v4-only/*) [ "$2" = ipv4 ] && echo '0 200 [0-9]+ now -' || echo '[67] 000 0 other -' ;;
    https-refused/https | refused/* | unreachable/*) echo '7 000 0 other -' ;;
    self-signed/https | expired/* | wrong-host/*) echo '60 000 0 other -' ;;
    plain-https/*) echo '35 000 0 other -' ;;
    nameless/*) echo '6 000 0 other -' ;;
    literal/*) [ "$2" = ipv4 ] && echo '0 200 [0-9]+ now -' || echo '[67] 000 0 other -' ;;
    # Curl would fall into the trap; what is to be seen there is that the crawler does not.
    internal/* | loopback/* | mapped/*) echo 'not looked at' ;;
    slow/* | drip/*) echo '28 200 [0-9]{1,3} other -' ;;
    drip-head/* | silent/*) echo '28 000 0 other -' ;;
    reset/*) echo '56 000 0 other -' ;;
    cut/*) echo '56 200 [0-9]+ other -' ;;
    truncating/*) echo '18 200 [0-9]+ other -' ;;
    unended/*) echo '18 200 [0-9]+ now -' ;;
    endless/*) echo '(18|28|63) 200 [0-9]{6,} other -' ;;
    endless-head/*) echo '(27|56) [0-9]+ 0 other -' ;;
    garbage/*) echo '1 000 0 other -' ;;
  esac
}

# Whether nginx cannot do it.
takes_bad_mirror() {
  case $1 in
    silent | reset | cut | truncating | unended | endless | endless-head | drip | drip-head | garbage | old | hangup) ;;
    *) return 1 ;;
  esac
}

protocols_of() {
  case $1 in
    https | self-signed | https-refused) echo http https ;;
    expired | wrong-host | plain-https) echo https ;;
    *) echo http ;;
  esac
}

# nginx's block for a mirror: nginx_host NAME KIND IPV4 IPV6.
nginx_host() {
  local name=$1 kind=$2 v4=$3 v6=$4 root=now/full tls='' ports=':80' more='' port ssl
  case $kind in
    stale) root=1/full ;;
    ahead) root=2/full ;;
    ancient) root=0/full ;;
    hollow | partial | shortened | empty) root=now/$kind ;;
    gzip | bomb) root=now/$kind more='gzip_static always;' ;;
    moved) more="location / { return 301 http://elsewhere.farm.example\$request_uri; }" ;;
    redirecting) more="location / { return 302 http://$TRAP_V4/; }" ;;
    forbidden) more='location / { return 403; }' ;;
    missing) more='location / { return 404; }' ;;
    error) more='location / { return 503; }' ;;
    teapot) more='location / { return 418 "short and stout"; }' ;;
    soft-404) more='location / { return 200 "<!DOCTYPE html><html><body>Not found</body></html>"; }' ;;
    closing) more='keepalive_timeout 0;' ;;
    slow) more='limit_rate 50;' ;;
    https) tls=good ports=':80 :443' ;;
    self-signed) tls=self ports=':80 :443' ;;
    expired) tls=expired ports=':443' ;;
    wrong-host) tls=other ports=':443' ;;
    plain-https) ports=':443' ;;
  esac
  echo "server {"
  echo "  server_name $name;"
  for port in $ports; do
    ssl=
    [ "$port" != :443 ] || [ -z "$tls" ] || ssl=' ssl'
    [ "$kind" = v6-only ] || echo "  listen $v4$port$ssl;"
    [[ $kind == @(v4-only|literal) ]] || echo "  listen [$v6]$port$ssl;"
  done
  [ -z "$tls" ] || echo "  ssl_certificate $F/tls/$tls.pem; ssl_certificate_key $F/tls/$tls.key;"
  echo "  root $F/www/$root; include $F/nginx/broken.conf; $more"
  echo "}"
}

add_mirror() { # NUMBER KIND
  local number=$1 kind=$2 name v4 v6 protocol family arch repo key file found
  name=$(printf 'm%03d-%s.farm.example' "$number" "$kind")
  v4=$FARM_V4.$((number / 250)).$((number % 250 + 1)) v6=$(printf '%s:%x' "$FARM_V6" $((number + 1)))
  case $kind in
    unreachable) v4=$FARM_V4.255.1 v6=${FARM_V6}ffff::1 ;;
    internal) v4=$TRAP_V4 v6=$TRAP_V6 ;;
    loopback) v4=127.0.0.1 v6=::1 ;;
    inside) v4=$INSIDE_V4 v6=$INSIDE_V6 ;;
    literal) v4=$LITERAL_V4 ;;
    # An IPv6 address that leads to an IPv4 one.
    mapped) v6=::ffff:$TRAP_V4 ;;
  esac
  case $kind in nameless | mapped | v6-only) ;; *) echo "$v4 $name" >>"$F/hosts" ;; esac
  case $kind in nameless | v4-only | literal) ;; *) echo "$v6 $name" >>"$F/hosts" ;; esac
  printf '%s\t%s\t%s\t%s\n' "$name" "$kind" "$v4" "$v6" >>"$F/mirrors.tsv"
  if takes_bad_mirror "$kind"; then
    printf '%s %s %s\n' "$kind" "$v4:80" "$F/www/now/full" "$kind" "[$v6]:80" "$F/www/now/full" >>"$F/bad-mirrors"
  else
    case $kind in
      refused | unreachable | nameless | internal | loopback | mapped) ;;
      *) nginx_host "$name" "$kind" "$v4" "$v6" >>"$F/nginx/hosts.conf" ;;
    esac
  fi
  {
    printf '\n[[mirror]]\nname = "%s"\ncountry = "%s"\n' "$name" "${COUNTRIES[number % ${#COUNTRIES[@]}]}"
    for protocol in $(protocols_of "$kind"); do
      if [ "$kind" = literal ]; then
        echo "base.farm.http = \"http://$LITERAL_V4/\""
      else
        echo "base.farm.$protocol = \"$protocol://$name/\""
      fi
    done
  } >>"$F/lists/mirrors.toml"
  for protocol in $(protocols_of "$kind"); do
    for family in ipv4 ipv6; do
      for arch in "${ARCHES[@]}"; do
        for repo in "${REPOS[@]}"; do
          key=9.1/$arch/$repo
          printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$name" "$kind" "$key" "$family" "$protocol" \
            "$(finding "$kind" "$key" "$family" "$protocol" 1)" "$(finding "$kind" "$key" "$family" "$protocol" 2)"
        done
      done
      for file in '' "${IMAGES[@]}"; do
        found=$(image_finding "$kind" "$file" "$family" "$protocol") || continue
        printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$name" "$kind" "9.1/x86_64/farm/isos/$file" "$family" "$protocol" \
          "$found" "$found"
      done
    done
  done >>"$F/expected.tsv"
}

make_farm() {
  local count=${1:-60} number
  [ ! -e "$F" ] || [ -z "$(ls -A "$F")" ] || { echo "$F: is not empty" >&2; exit 2; }
  [ "$count" -ge $((${#ODD[@]} + 9)) ] && [ "$count" -le 60000 ] || {
    echo "between $((${#ODD[@]} + 9)) and 60000 mirrors" >&2
    exit 2
  }
  mkdir -p "$F"/{www,nginx,broken,lists}
  make_trees
  make_certificates
  ln -s 1 "$F/www/now"
  printf '127.0.0.1 localhost\n::1 localhost\n%s.254.1 master.farm.example\n%sfe::1 master.farm.example\n' \
    "$FARM_V4" "$FARM_V6" >"$F/hosts"
  printf '%s\n' "$FARM_V4.0.0/16" "$FARM_V6:/48" "$INSIDE_V4/32" "$INSIDE_V6/128" >"$F/internal"
  {
    printf 'trap %s %s\n' "$TRAP_V4:80" "$F/www/now/full" "[$TRAP_V6]:80" "$F/www/now/full" \
      127.0.0.1:80 "$F/www/now/full" "[::1]:80" "$F/www/now/full"
  } >"$F/bad-mirrors"
  cp -R "$TOP/lists/world" "$F/lists/"
  cat >"$F/lists/farm.toml" <<TOML
[[distribution]]
name = "farm"
title = "A farm of mirrors"
protocols = ["http", "https"]

[[tree]]
name = "farm"

[[release]]
name = "9.1"
aliases = ["9"]
arches = [$(printf '"%s", ' "${ARCHES[@]}")]
$(printf '\n[[repo]]\nname = "%s"\npath = "%s/{arch}"\n' $(for repo in "${REPOS[@]}"; do echo "$repo" "$repo"; done))

[[images]]
kind = "isos"
path = "isos/{arch}"
arches = ["x86_64"]

[[mirror]]
name = "master.farm.example"
status = "master"
base.farm.http = "http://master.farm.example/"
TOML
  # Whoever is broken on purpose; the folder is looked at with every request.
  cat >"$F/nginx/broken.conf" <<CONF
if (-e $F/broken/\$server_name.down) { return 503; }
if (-e $F/broken/\$server_name.gone) { return 404; }
if (-e $F/broken/\$server_name.page) { return 200 "<!DOCTYPE html><html><body>Down for maintenance</body></html>"; }
CONF
  nginx_host master.farm.example good "$FARM_V4.254.1" "${FARM_V6}fe::1" >"$F/nginx/hosts.conf"
  # One process, as nobody but root is there in a user namespace to give its rights up to.
  cat >"$F/nginx.conf" <<CONF
daemon off;
master_process off;
pid $F/nginx/pid;
error_log stderr crit;
worker_rlimit_nofile 65536;
events { worker_connections 60000; }
http {
  log_format farm '\$server_addr \$server_name "\$request" \$status "\$http_user_agent"';
  access_log $F/access.log farm;
  default_type text/html;
  autoindex on;
  types { text/xml xml; }
  client_body_temp_path $F/nginx/body; proxy_temp_path $F/nginx/proxy; fastcgi_temp_path $F/nginx/fastcgi;
  uwsgi_temp_path $F/nginx/uwsgi; scgi_temp_path $F/nginx/scgi;
  include $F/nginx/hosts.conf;
}
CONF
  for number in $(seq 0 $((count - 1))); do
    if [ "$number" -lt ${#ODD[@]} ]; then
      add_mirror "$number" "${ODD[number]}"
    else
      add_mirror "$number" "${COMMON[(number - ${#ODD[@]}) % ${#COMMON[@]}]}"
    fi
  done
  echo "made a farm of $count mirrors in $F"
}

# --- inside

find_bad_mirror() {
  local target=${CARGO_TARGET_DIR:-$TOP/target} build
  [ -z "${BAD_MIRROR:-}" ] || return 0
  for build in release debug; do
    BAD_MIRROR=$target/$build/examples/bad-mirror
    [ ! -x "$BAD_MIRROR" ] || return 0
  done
  echo "bad-mirror is not there; cargo build --example bad-mirror" >&2
  exit 4
}

serve() {
  local pids=() bad_out=$F/trapped.log
  find_bad_mirror
  # In place, as the name is the mount point. Seen by this mount namespace alone.
  cat "$F/hosts" >/etc/hosts
  # A route lets one connect to IPv6 addresses, but not listen on them.
  { awk -F'\t' '$4 !~ /^::1$|ffff:/ { print $4 }' "$F/mirrors.tsv"; printf '%s\n' "${FARM_V6}fe::1" "$TRAP_V6"; } |
    sort -u | sed 's|.*|addr replace &/128 dev lo nodad|' | ip -6 -batch -
  ulimit -n "$(ulimit -Hn)"
  "$BAD_MIRROR" "$F/bad-mirrors" >"$bad_out" &
  pids+=($!)
  "$NGINX" -c "$F/nginx.conf" -e stderr &
  pids+=($!)
  trap 'kill "${pids[@]}" 2>/dev/null || true; wait || true' EXIT
  trap 'exit 0' TERM INT
  while ! grep -q listening "$bad_out" ||
    ! curl -sf -m 5 -o /dev/null http://master.farm.example/9.1/os/x86_64/repodata/repomd.xml; do
    kill -0 "${pids[@]}" 2>/dev/null || { echo "the farm does not come up" >&2; exit 4; }
    sleep 0.1
  done
  echo "farm of $(wc -l <"$F/mirrors.tsv") mirrors is up"
  # Ends when either does, which then is a failure.
  wait -n
  exit 4
}

publish() {
  ln -s "$1" "$F/www/next"
  mv -T "$F/www/next" "$F/www/now"
}

break_mirrors() {
  local fault=$1 name
  shift
  case $fault in down | page | gone) ;; *) echo "no fault \`$fault\`" >&2; exit 2 ;; esac
  for name; do touch "$F/broken/$name.$fault"; done
}

mend_mirrors() {
  local name
  for name; do rm -f "$F/broken/$name".*; done
}

# One look with curl, printed as `ok` or `NOT ok`: look NAME KIND FAMILY PROTOCOL.
look() {
  local name=$1 kind=$2 family=$3 protocol=$4 want shown exit=0 file generation=other coding
  local status bytes candidate host=$name
  [ "$kind" != literal ] || host=$LITERAL_V4
  want=$(curl_shows "$kind" "$family" "$protocol")
  [ "$want" != 'not looked at' ] || return 0
  file=$(mktemp "$F/look-XXXXXX")
  shown=$(curl "-${family#ipv}" -s --http1.1 -m 3 --max-filesize 2000000 --cacert "$F/ca.pem" -o "$file" \
    -w '%{http_code} %{size_download} %header{content-encoding}' \
    "$protocol://$host/9.1/os/x86_64/repodata/repomd.xml") || exit=$?
  read -r status bytes coding <<<"$shown"
  for candidate in now 0 1 2; do
    cmp -s "$file" "$F/www/$candidate/full/9.1/os/x86_64/repodata/repomd.xml" || continue
    [[ "$exit $status $bytes $candidate ${coding:--}" =~ ^$want$ ]] || { generation=$candidate; continue; }
    generation=$candidate
    break
  done
  rm -f "$file"
  if [[ "$exit $status $bytes $generation ${coding:--}" =~ ^$want$ ]]; then
    echo "ok - $name over $family by $protocol: $exit $status $bytes $generation ${coding:--}"
  else
    echo "NOT ok - $name over $family by $protocol: $exit $status $bytes $generation ${coding:--}, not $want"
  fi
}

check() {
  local name kind v4 v6 family protocol
  while IFS=$'\t' read -r name kind v4 v6; do
    [ $# = 0 ] || [[ " $* " == *" $name "* ]] || continue
    for family in ipv4 ipv6; do
      for protocol in $(protocols_of "$kind"); do printf '%s\0' "$name" "$kind" "$family" "$protocol"; done
    done
  done <"$F/mirrors.tsv" | xargs -0 -r -n 4 -P 16 "$SCRIPT" look "$F" | sort >"$F/looks"
  grep -v '^ok' "$F/looks" && return 1
  echo "ok - $(wc -l <"$F/looks") looks at $(wc -l <"$F/mirrors.tsv") mirrors"
}

command=${1:-}
[ $# -gt 1 ] || { sed -n '2,/^set /s/^# \{0,1\}//p' "$SCRIPT"; exit 2; }
shift
if [ "$command" = enter ]; then enter "$@"; fi
mkdir -p "$1"
F=$(cd "$1" && pwd)
shift
case $command in
  make) make_farm "$@" ;;
  serve) is_inside; serve ;;
  check) is_inside; check "$@" ;;
  look) is_inside; look "$@" ;;
  publish) publish "$@" ;;
  break) break_mirrors "$@" ;;
  mend) mend_mirrors "$@" ;;
  *) echo "no command \`$command\`" >&2; exit 2 ;;
esac
