#!/usr/bin/env bash
# Real librepo, dnf, zypper, aria2 and apt against every dialect: metalinks with the right hash are accepted, a mirror
# whose repomd.xml was tampered with is refused and the next one used, a mirror that is a generation behind is accepted
# until the repo is expired, answers for https alone and for IPv6 alone work, and so do the text and JSON forms.
# Needs: dnf createrepo-c rpm zypper dpkg-dev nginx-light curl jq python3-librepo aria2.
. "$(dirname "$0")/stage.bash"

# --- a package, in two generations of one repository; the same tree on three mirrors and a master
cat >"$W/hello.spec" <<'SPEC'
Name: mirrorlistd-hello
Version: %{wanted}
Release: 1
Summary: Says hello
License: MIT
BuildArch: noarch
%description
A package to find.
%files
SPEC
make_generation() { # NUMBER FOLDER...: builds it anew, and puts it there
  local os=9.8/os/x86_64 number=$1 folder
  shift
  mkdir -p "$W/tree/$os"
  rpmbuild --quiet --define "_topdir $W/rpmbuild" --define "_rpmdir $W/tree/$os" --define "wanted $number" \
    -bb "$W/hello.spec" >>"$W/rpmbuild.log" 2>&1
  createrepo_c -q --set-timestamp-to-revision --revision "$((1700000000 + number))" "$W/tree/$os" \
    >>"$W/createrepo.log" 2>&1
  for folder in "$@"; do
    mkdir -p "$W/www/$folder"
    rm -rf "$W/www/$folder/9.8"
    cp -R "$W/tree/9.8" "$W/www/$folder/"
  done
}
make_generation 1 master old near secure
mkdir -p "$W/deb/DEBIAN" "$W/tree/9.8/apt/amd64"
printf '%s\n' 'Package: mirrorlistd-hello' 'Version: 1.0' 'Architecture: amd64' \
  'Maintainer: Nobody <nobody@example.org>' 'Description: Says hello' >"$W/deb/DEBIAN/control"
dpkg-deb --root-owner-group -b "$W/deb" "$W/tree/9.8/apt/amd64/mirrorlistd-hello_1.0_amd64.deb" >"$W/dpkg.log"
(cd "$W/tree/9.8/apt/amd64" && dpkg-scanpackages . >Packages 2>>"$W/dpkg.log")

# A certificate for localhost, and who vouches for it.
TLS=$TOP/tests/crawl

start_mirrors() {
  local name
  mkdir -p "$W/nginx"
  for name in MASTER OLD NEAR SECURE; do printf -v "$name" %s "$(pick_port)"; done
  cat >"$W/nginx.conf" <<CONF
daemon off;
worker_processes 1;
pid $W/nginx.pid;
error_log stderr warn;
events { worker_connections 256; }
http {
  log_format ask '\$server_name \$uri \$status';
  access_log $W/mirrors.access ask;
  client_body_temp_path $W/nginx/body; proxy_temp_path $W/nginx/proxy; fastcgi_temp_path $W/nginx/fastcgi;
  uwsgi_temp_path $W/nginx/uwsgi; scgi_temp_path $W/nginx/scgi;
  server { server_name master; listen 127.0.0.1:$MASTER; root $W/www/master; }
  server { server_name old; listen 127.0.0.1:$OLD; root $W/www/old; }
  server { server_name near; listen 127.0.0.1:$NEAR; root $W/www/near; }
  server { server_name six; listen [::1]:$NEAR ipv6only=on; root $W/www/secure; }
  server {
    server_name secure; listen 127.0.0.1:$SECURE ssl; root $W/www/secure;
    ssl_certificate $TLS/server.pem; ssl_certificate_key $TLS/server.key;
  }
}
CONF
  start nginx "$(command -v nginx || echo /usr/sbin/nginx)" -c "$W/nginx.conf" -e stderr
  until_true 5 curl -sSf "http://127.0.0.1:$MASTER/9.8/os/x86_64/repodata/repomd.xml"
}
# Somebody else may take a port between the look and the bind.
start_mirrors || start_mirrors || start_mirrors || fail "nginx does not start"

mkdir "$W/lists"
{
  for country in 'DE Germany 51 9' 'AT Austria 47 13' 'FR France 46 2'; do
    set -- $country
    printf '[[country]]\ncode = "%s"\nname = "%s"\ncontinent = "europe"\nlatitude = %s\nlongitude = %s\n' "$@"
  done
  cat <<TOML
[[distribution]]
name = "e2e"
fedora_name = "{repo}-{release}"

[[tree]]
name = "e2e"

[[tree]]
name = "e2e-apt"
last_resort = "http://127.0.0.1:$NEAR/"

[[release]]
name = "9.8"
aliases = ["9"]
arches = ["x86_64", "amd64"]

[[repo]]
name = "os"
path = "os/{arch}"
arches = ["x86_64"]

[[repo]]
name = "apt"
path = "apt/{arch}"
tree = "e2e-apt"
arches = ["amd64"]

[[repo_alias]]
from = "e2e-core"
to = "os-9"

[[mirror]]
name = "master"
base.e2e.http = "http://127.0.0.1:$MASTER/"
status = "master"

[[mirror]]
name = "old"
base.e2e.http = "http://127.0.0.1:$OLD/"
country = "DE"
families = ["ipv4"]

[[mirror]]
name = "near"
base.e2e.http = "http://127.0.0.1:$NEAR/"
country = "DE"
families = ["ipv4"]

[[mirror]]
name = "secure"
base.e2e.https = "https://localhost:$SECURE/"
country = "FR"
families = ["ipv4"]

[[mirror]]
name = "six"
base.e2e.http = "http://[::1]:$NEAR/"
country = "AT"
families = ["ipv6"]
TOML
} >"$W/lists/e2e.toml"
cat >"$W/config.toml" <<TOML
listen = ["127.0.0.1:0", "[::1]:0"]
workers = 1
lists = "$W/lists"
state = "$W/state"
build = false
[crawl]
internal = ["127.0.0.0/8", "::1/128"]
roots = "$TLS/authority.pem"
mirrors_min = 1
repos_min = 1
TOML
crawl() {
  "$MIRRORLISTD_BIN" crawl --config "$W/config.toml" >"$W/crawl.out" 2>"$W/crawl.log" || fail "crawl"
}
crawl
make_generation 2 master near secure
crawl
start_server "$W/config.toml"
REPOMD=9.8/os/x86_64/repodata/repomd.xml
right=$(sha256sum <"$W/www/master/$REPOMD" | cut -d' ' -f1)
before=$(sha256sum <"$W/www/old/$REPOMD" | cut -d' ' -f1)
METALINK="metalink?repo=os-9&arch=x86_64"
curl -sS -m 5 "$V4/$METALINK&country=de,fr" >"$W/metalink.xml"
names() { sed -n 's|.*<url [^>]*>[a-z]*://\([^/]*\)/.*|\1|p' "$1" | paste -sd' '; }
[ "$(names "$W/metalink.xml")" = "127.0.0.1:$NEAR localhost:$SECURE 127.0.0.1:$OLD" ] ||
  fail "the metalink names $(names "$W/metalink.xml")"
grep -q "<hash type=\"sha256\">$right</hash>" "$W/metalink.xml" || fail "the metalink lacks the master's hash"
sed -n '/<mm0:alternates>/,/<\/mm0:alternates>/p' "$W/metalink.xml" | grep -q "sha256\">$before<" ||
  fail "the metalink lacks the generation before"
ok "after two crawls the metalink has the master's hash, the one before as an alternate, and what is behind last"

# --- librepo itself
librepo() { # URL: metadata fetched by that metalink; prints the repomd.xml's SHA-256
  rm -rf "$W/librepo"
  mkdir "$W/librepo"
  /usr/bin/python3 - "$1" "$W/librepo" "$TLS/authority.pem" <<'PYTHON' 2>>"$W/librepo.log"
import hashlib, librepo, sys
handle, result = librepo.Handle(), librepo.Result()
handle.repotype = librepo.LR_YUMREPO
handle.metalinkurl = sys.argv[1]
handle.destdir = sys.argv[2]
handle.sslcacert = sys.argv[3]
handle.yumdlist = ["primary"]
handle.perform(result)
with open(sys.argv[2] + "/repodata/repomd.xml", "rb") as file:
    print(hashlib.sha256(file.read()).hexdigest())
PYTHON
}
[ "$(librepo "$V4/$METALINK")" = "$right" ] || fail "librepo with the metalink"
[ "$(librepo "$V4/metalink?release=9&arch=x86_64&repo=os")" = "$right" ] || fail "librepo with release=9"
[ "$(librepo "$V4/metalink?repo=e2e-core&arch=x86_64")" = "$right" ] || fail "librepo by the repo's alias"
[ "$(librepo "$V4/metalink?path=e2e/9/os/x86_64")" = "$right" ] || fail "librepo by the repo's path"
ok "librepo accepts the metalink by name, release, alias and path"
[ "$(librepo "$V4/$METALINK&exclude=near,secure")" = "$before" ] || fail "librepo with a mirror that is behind alone"
ok "librepo accepts a mirror that is a generation behind, by the alternate"

# --- dnf
as_root=()
[ "$(id -u)" = 0 ] || as_root=(unshare --map-root-user)
run_dnf() { # NAME URL COMMAND...: with a cache of that name
  local dnf=$W/dnf-$1 url=$2
  shift 2
  mkdir -p "$dnf/repos.d" "$dnf/log"
  printf '[e2e]\nname=e2e\nmetalink=%s\ngpgcheck=0\nskip_if_unavailable=0\nsslcacert=%s\n' "$url" "$TLS/authority.pem" \
    >"$dnf/repos.d/e2e.repo"
  timeout 120 ${as_root[@]+"${as_root[@]}"} dnf -y -q --installroot="$dnf/root" --releasever=9 --forcearch=x86_64 \
    --setopt=reposdir="$dnf/repos.d" --setopt=cachedir="$dnf/cache" --setopt=persistdir="$dnf/persist" \
    --setopt=logdir="$dnf/log" "$@" 2>>"$W/dnf.log"
}
sees() { # NAME URL: dnf finds the second generation's package
  [ "$(run_dnf "$@" repoquery | sort | tail -n 1)" = "mirrorlistd-hello-0:2-1.noarch" ]
}
asked() { grep -c "^$1 /$REPOMD 200" "$W/mirrors.access" || true; }
# nginx writes its log after the answer, so a client may be ahead of it.
is_asked_beyond() { [ "$(asked "$1")" -gt "$2" ]; }
until_asked_beyond() { until_true 20 is_asked_beyond "$@"; } # MIRROR COUNT
# Who comes first where nobody knows the client's country depends on the hour.
near_first="$METALINK&country=de,fr"
count=$(asked near)
sees plain "$V4/$near_first" || fail "dnf with the metalink"
until_asked_beyond near "$count" || fail "dnf did not ask the first mirror"
total=$(grep -c "$REPOMD" "$W/mirrors.access")
run_dnf plain "$V4/$near_first" makecache --refresh >>"$W/dnf.log" || fail "dnf makecache --refresh"
sleep 1
[ "$(grep -c "$REPOMD" "$W/mirrors.access")" = "$total" ] || fail "dnf fetched a repomd.xml that it had"
ok "dnf takes the metalink, and fetches no repomd.xml that it has"
secure=$(asked secure)
sees secure "$V4/$METALINK&protocol=https" || fail "dnf by https alone"
until_asked_beyond secure "$secure" || fail "dnf by https alone did not ask the https mirror"
ok "dnf by https alone"
sees six "$V6/$METALINK" || fail "dnf over IPv6 alone"
until_asked_beyond six 0 || fail "dnf over IPv6 did not ask the mirror there"
[ "$(curl -sS -g -m 5 "$V6/$METALINK" | grep -c '<url ')" = 1 ] || fail "a metalink over IPv6 names others"
ok "dnf over IPv6 alone"
# Somebody has been at the first mirror since it was looked at.
echo '<!-- tampered with -->' >>"$W/www/near/$REPOMD"
near=$(asked near) secure=$(asked secure)
sees tampered "$V4/$near_first" || fail "dnf with a mirror that was tampered with"
until_asked_beyond near "$near" && until_asked_beyond secure "$secure" ||
  fail "dnf did not go from the mirror that was tampered with to the next"
[ "$(sha256sum <"$(find "$W/dnf-tampered/cache" -name repomd.xml)" | cut -d' ' -f1)" = "$right" ] ||
  fail "dnf kept a repomd.xml that was tampered with"
ok "dnf refuses a mirror that was tampered with and uses the next"
cp "$W/www/master/$REPOMD" "$W/www/near/$REPOMD"

# --- zypper: the JSON array where its library reads it (libzypp 17.36), the metalink and the text of either dialect
lists=("$METALINK&protocol=http" "mirrorlist?repo=os-9&arch=x86_64&protocol=http"
  "mirrorlist?release=9&arch=x86_64&repo=os&protocol=http")
array="mirrorlist?repo=os-9&arch=x86_64&protocol=http&format=json"
libzypp=$(dpkg-query -W -f='${Version}\n' 'libzypp[0-9]*' 2>/dev/null | grep -m 1 . || true)
if dpkg --compare-versions "${libzypp:-0}" ge 17.36; then
  lists+=("$array")
else
  echo "skipped: libzypp ${libzypp:-(of unknown version)} reads no JSON array"
fi
[ "$(curl -sS -m 5 "$V4/$array" | jq -r '.[].url' | head -n 1)" = "http://127.0.0.1:$NEAR/9.8/os/x86_64/" ] ||
  fail "the JSON array"
run_zypper() { timeout 120 zypper --root "$Z" --non-interactive --no-gpg-checks "$@" 2>>"$W/zypper.log"; }
for list in "${lists[@]}"; do
  Z=$(mktemp -d "$W/zypper-XXXX")
  mkdir -p "$Z/etc/zypp/repos.d"
  printf '[e2e]\nname=e2e\nmirrorlist=%s\ngpgcheck=0\nenabled=1\n' "$V4/$list" >"$Z/etc/zypp/repos.d/e2e.repo"
  run_zypper refresh -f >>"$W/zypper.log" || fail "zypper refresh from $list"
  run_zypper search -s mirrorlistd | grep -q '| 2-1 ' || fail "zypper search from $list"
done
ok "zypper takes the metalink and both texts, and jq the JSON array"
curl -sS -m 5 "$V4/?release=9&arch=x86_64&repo=os&format=json-full" >"$W/full.json"
[ "$(jq -r '[.outcome, .repo, (.mirrors | length), .mirrors[-1].reason] | @tsv' "$W/full.json")" = \
  "$(printf 'listed\tos\t3\tspare')" ] || fail "the full JSON: $(cat "$W/full.json")"
ok "jq reads the full JSON"

# --- aria2, by Metalink 4 and 3
for target in "metalink4?repo=os-9&arch=x86_64" "$METALINK"; do
  rm -rf "$W/aria"
  mkdir "$W/aria"
  (cd "$W/aria" && timeout 60 aria2c -q --follow-metalink=mem --check-integrity=true --split=1 \
    --ca-certificate="$TLS/authority.pem" "$V4/$target&exclude=old" >>"$W/aria2.log" 2>&1) ||
    fail "aria2 from $target"
  [ "$(sha256sum <"$W/aria/repomd.xml" | cut -d' ' -f1)" = "$right" ] || fail "aria2 fetched something else"
done
# A file that does not match is not kept for good: aria2 says so by its exit code.
echo '<!-- tampered with -->' >>"$W/www/near/$REPOMD"
rm -rf "$W/aria"
! (mkdir "$W/aria" && cd "$W/aria" && timeout 60 aria2c -q --follow-metalink=mem --check-integrity=true --split=1 \
  --max-tries=1 "$V4/metalink4?repo=os-9&arch=x86_64&exclude=old,secure" >>"$W/aria2.log" 2>&1) ||
  fail "aria2 took a file that was tampered with"
cp "$W/www/master/$REPOMD" "$W/www/near/$REPOMD"
ok "aria2 fetches by Metalink 4 and 3, and tells a file that was tampered with"

# --- apt, with its mirror method and the Fedora dialect's text
cp -R "$W/tree/9.8/apt" "$W/www/near/9.8/"
A=$W/apt
mkdir -p "$A"/{lists/partial,cache/archives/partial,etc/apt.conf.d,etc/preferences.d} "$A/got"
touch "$A/status"
echo "deb [trusted=yes arch=amd64] mirror+$V4/mirrorlist?repo=apt-9&arch=amd64 ./" >"$A/sources.list"
run_apt() {
  (cd "$A/got" && timeout 120 apt-get -q -o Dir::Etc="$A/etc" -o Dir::Etc::SourceList="$A/sources.list" \
    -o Dir::Etc::SourceParts=/dev/null -o Dir::State="$A" -o Dir::State::Lists="$A/lists" \
    -o Dir::State::Status="$A/status" -o Dir::Cache="$A/cache" -o APT::Architecture=amd64 \
    -o APT::Sandbox::User="$(id -un)" -o Acquire::Languages=none -o Debug::NoLocking=1 "$@") >>"$W/apt.log" 2>&1
}
run_apt update || fail "apt-get update"
run_apt download mirrorlistd-hello || fail "apt-get download"
cmp -s "$A/got/mirrorlistd-hello_1.0_amd64.deb" "$W/tree/9.8/apt/amd64/mirrorlistd-hello_1.0_amd64.deb" ||
  fail "apt downloaded something else"
ok "apt takes the Fedora dialect's text"

# --- an urgent update: what is behind goes at once
"$MIRRORLISTD_BIN" expire os --release 9 --state "$W/state" --lists "$W/lists" --mirrors-min 1 --repos-min 1 \
  >"$W/expire.out" || fail "expire"
kill -HUP "$SERVER"
until_true 30 sh -c "! curl -sS -m 5 '$V4/$METALINK' | grep -q ':$OLD/\|alternate'" ||
  fail "what was expired is still named"
[ "$(librepo "$V4/$METALINK")" = "$right" ] || fail "librepo after the repo was expired"
ok "an expired repo names neither mirrors that are behind nor older metadata"

stop "$SERVER"
ok "PASS ${0##*/}"
