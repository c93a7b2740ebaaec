#!/usr/bin/env bash
# Debian's real dnf, zypper and apt install from a mirror that they found through mirrorlistd, over IPv4 and IPv6.
# The first mirror of an RPM list is dead, so dnf and zypper have to obey the order and to fail over.
# Needs: dnf createrepo-c rpm zypper dpkg-dev nginx-light curl.
. "$(dirname "$0")/stage.bash"

# --- the mirror: an RPM repository and a Debian one, served by nginx
WWW=$W/www
RPMS=$WWW/9.8/os/x86_64 DEBS=$WWW/9.8/apt/amd64
mkdir -p "$RPMS" "$DEBS" "$W/deb/DEBIAN"
cat >"$W/hello.spec" <<'SPEC'
Name: mirrorlistd-hello
Version: 1.0
Release: 1
Summary: Says hello
License: MIT
BuildArch: noarch
%description
A package to find.
%install
mkdir -p %{buildroot}/usr/share/mirrorlistd-hello
head -c 100000 /dev/urandom | base64 > %{buildroot}/usr/share/mirrorlistd-hello/hello
%files
/usr/share/mirrorlistd-hello/hello
SPEC
rpmbuild --quiet --define "_topdir $W/rpmbuild" --define "_rpmdir $RPMS" -bb "$W/hello.spec" >"$W/rpmbuild.log" 2>&1
createrepo_c -q "$RPMS" >"$W/createrepo.log" 2>&1
printf '%s\n' 'Package: mirrorlistd-hello' 'Version: 1.0' 'Architecture: amd64' \
  'Maintainer: Nobody <nobody@example.org>' 'Description: Says hello' >"$W/deb/DEBIAN/control"
dpkg-deb --root-owner-group -b "$W/deb" "$DEBS/mirrorlistd-hello_1.0_amd64.deb" >"$W/dpkg.log"
(cd "$DEBS" && dpkg-scanpackages . >Packages 2>>"$W/dpkg.log")

start_mirror() {
  MIRROR_PORT=$(pick_port)
  mkdir -p "$W/nginx"
  cat >"$W/nginx.conf" <<CONF
daemon off;
worker_processes 1;
pid $W/nginx.pid;
error_log stderr warn;
events { worker_connections 256; }
http {
  access_log $W/mirror.access combined;
  client_body_temp_path $W/nginx/body; proxy_temp_path $W/nginx/proxy; fastcgi_temp_path $W/nginx/fastcgi;
  uwsgi_temp_path $W/nginx/uwsgi; scgi_temp_path $W/nginx/scgi;
  server { listen 127.0.0.1:$MIRROR_PORT; listen [::1]:$MIRROR_PORT ipv6only=on; root $WWW; autoindex on; }
}
CONF
  start nginx "$(command -v nginx || echo /usr/sbin/nginx)" -c "$W/nginx.conf" -e stderr
  until_true 5 curl -sSf "http://127.0.0.1:$MIRROR_PORT/9.8/os/x86_64/repodata/repomd.xml"
}
# Somebody else may take the port between the look and the bind.
start_mirror || start_mirror || start_mirror || fail "nginx does not start"

# --- the inventory: a dead mirror in the client's country, a live one next door, for each family
mkdir "$W/lists"
cat >"$W/lists/e2e.toml" <<TOML
[[country]]
code = "DE"
name = "Germany"
continent = "europe"
latitude = 51.0
longitude = 9.0

[[country]]
code = "AT"
name = "Austria"
continent = "europe"
latitude = 47.3
longitude = 13.3

[[distribution]]
name = "e2e"
title = "End to end"
protocols = ["http"]

[[tree]]
name = "e2e"

[[tree]]
name = "e2e-apt"

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

[[mirror]]
name = "dead-ipv4"
base.e2e.http = "http://127.0.0.1:1/"
country = "DE"
families = ["ipv4"]

[[mirror]]
name = "live-ipv4"
base.e2e.http = "http://127.0.0.1:$MIRROR_PORT/"
base.e2e-apt.http = "http://127.0.0.1:$MIRROR_PORT/"
country = "AT"
families = ["ipv4"]

[[mirror]]
name = "dead-ipv6"
base.e2e.http = "http://[::1]:1/"
country = "DE"
families = ["ipv6"]

[[mirror]]
name = "live-ipv6"
base.e2e.http = "http://[::1]:$MIRROR_PORT/"
base.e2e-apt.http = "http://[::1]:$MIRROR_PORT/"
country = "AT"
families = ["ipv6"]
TOML
cat >"$W/config.toml" <<TOML
listen = ["127.0.0.1:0", "[::1]:0"]
workers = 1
lists = "$W/lists"
state = "$W/state"
access_log = "$W/access.log"
TOML
start_server "$W/config.toml"

QUERY="release=9&arch=x86_64&repo=os&cc=de"
expect_list() { # URL HOST
  local got want
  got=$(curl -sS -g -m 5 "$1")
  want=$(printf 'http://%s:1/9.8/os/x86_64/\nhttp://%s:%s/9.8/os/x86_64/' "$2" "$2" "$MIRROR_PORT")
  [ "$got" = "$want" ] || fail "$1 gives '$got', not '$want'"
}
expect_list "$V4/?$QUERY" 127.0.0.1
expect_list "$V6/?$QUERY" '[::1]'
ok "the dead mirror leads the list, the live one follows, and each family gets its own"
expect_list "$V4/?$QUERY&countme=1" 127.0.0.1
expect_list "$V6/?$QUERY&countme=4" '[::1]'
more='infra=$infra&countme=4&content=$contentdir'
expect_list "$V4/mirrorlist?repo=os&$more&arch=x86_64&cc=DE&release=9.8" 127.0.0.1
ok "countme, infra and content change nothing, the exact release works as its alias does"
# What fastestmirror and load balancers do to see whether a host is there: connections that never say a word.
for i in $(seq 50); do (exec 9<>"/dev/tcp/127.0.0.1/${V4##*:}"); done
expect_list "$V4/?$QUERY" 127.0.0.1
ok "50 bare connects"

# dnf installs, if only into a folder, as root alone: anybody else is root in a user namespace.
as_root=()
[ "$(id -u)" = 0 ] || as_root=(unshare --map-root-user)

# --- dnf. Debian's exits 0 when a repo fails and is skipped, hence the option, and checks of what came out.
for family in ipv4 ipv6; do
  case $family in
    ipv4) base=$V4 host=127.0.0.1 peer=127.0.0.1 ;;
    ipv6) base=$V6 host='[::1]' peer=::1 ;;
  esac
  D=$W/dnf-$family
  mkdir -p "$D/repos.d" "$D/log" "$D/got"
  cat >"$D/repos.d/e2e.repo" <<REPO
[e2e]
name=e2e
mirrorlist=$base/?release=\$releasever&arch=\$basearch&repo=os&cc=de
gpgcheck=0
enabled=1
countme=1
skip_if_unavailable=0
REPO
  run_dnf() {
    timeout 120 ${as_root[@]+"${as_root[@]}"} dnf -y -q --installroot="$D/root" --releasever=9 --forcearch=x86_64 \
      --setopt=reposdir="$D/repos.d" --setopt=cachedir="$D/cache" --setopt=persistdir="$D/persist" \
      --setopt=logdir="$D/log" "$@" 2>>"$W/dnf.log"
  }
  run_dnf makecache >>"$W/dnf.log" || fail "dnf makecache over $family"
  [ -n "$(find "$D/cache" -name '*primary.xml*')" ] || fail "dnf makecache over $family kept no metadata"
  ok "dnf makecache over $family"
  [ "$(run_dnf repoquery)" = "mirrorlistd-hello-0:1.0-1.noarch" ] || fail "dnf repoquery over $family"
  ok "dnf repoquery over $family"
  # The location names the mirror dnf would try first: the list's order reached it.
  location=$(run_dnf repoquery --location mirrorlistd-hello)
  [[ $location == "http://$host:"*"/9.8/os/x86_64/"*.rpm ]] || fail "dnf location over $family: $location"
  ok "dnf location over $family"
  run_dnf install --downloadonly --destdir="$D/got" mirrorlistd-hello >>"$W/dnf.log" || fail "dnf install over $family"
  rpm=mirrorlistd-hello-1.0-1.noarch.rpm
  is_the_package() { cmp -s "$D/got/$rpm" "$RPMS/noarch/$rpm"; }
  is_the_package || fail "dnf over $family downloaded something else"
  ok "dnf install --downloadonly over $family, past the dead mirror"
  # It connects to every mirror of the list and sorts them by the time that took: the dead one sorts last.
  rm -r "$D/got"
  run_dnf --refresh --setopt=fastestmirror=1 install --downloadonly --destdir="$D/got" mirrorlistd-hello \
    >>"$W/dnf.log" || fail "dnf install over $family with fastestmirror"
  is_the_package || fail "dnf over $family with fastestmirror downloaded something else"
  ok "dnf install over $family with fastestmirror=1"
  # Once a week dnf tells how old the installation is, in four steps. Its record: version, first week, last week told,
  # and how many requests to let pass; here a week ago, so that the next request tells.
  record=$(find "$D/persist" -name countme | head -n 1)
  [ -n "$record" ] || fail "dnf over $family keeps no countme record"
  week=604800 now=$(date +%s)
  this_week=$((now - (now - 345600) % week))
  for told in 0:1 3:2 10:3 30:4; do
    echo "0 $((this_week - week * ${told%:*})) $((this_week - week)) 1" >"$record"
    run_dnf makecache --refresh >>"$W/dnf.log" || fail "dnf makecache over $family with countme=${told#*:}"
    until_true 5 grep -q "^$peer .*\"GET /[^\"]*&countme=${told#*:} HTTP/1.1\" 200 [1-9]" "$W/access.log" ||
      fail "dnf over $family told no countme=${told#*:}"
  done
  ok "dnf makecache over $family tells countme=1 to 4"
done
until_true 5 grep -q 'libdnf' "$W/access.log" || fail "no line of dnf in the access log"
until_true 5 grep -q '"GET .*\.rpm HTTP/1.1" 200 .*libdnf' "$W/mirror.access" ||
  fail "no download by dnf in the mirror's log"
ok "dnf asked us for the list and the mirror for the package"

# --- zypper, which needs a path beside "/"
for base in "$V4" "$V6"; do
  Z=$(mktemp -d "$W/zypper-XXXX")
  mkdir -p "$Z/etc/zypp/repos.d"
  cat >"$Z/etc/zypp/repos.d/e2e.repo" <<REPO
[e2e]
name=e2e
mirrorlist=$base/mirrorlist?release=9&arch=x86_64&repo=os&cc=de
gpgcheck=0
enabled=1
REPO
  run_zypper() { timeout 120 zypper --root "$Z" --non-interactive --no-gpg-checks "$@" 2>>"$W/zypper.log"; }
  run_zypper refresh -f >>"$W/zypper.log" || fail "zypper refresh from $base"
  found=$(run_zypper search mirrorlistd)
  grep -q mirrorlistd-hello <<<"$found" || fail "zypper search from $base: $found"
done
for peer in 127.0.0.1 ::1; do
  until_true 5 grep -q "^$peer .*\"GET /mirrorlist?[^\"]*\" 200 .*ZYpp" "$W/access.log" ||
    fail "no line of zypper at $peer in the access log"
done
ok "zypper refresh and search over IPv4 and IPv6"

# --- apt, with its mirror method. A repository without InRelease needs a mirror that answers 404 for it, and apt takes
# a dead mirror's refusal for a verdict on the file: so the second tree is on the live mirror alone.
for base in "$V4" "$V6"; do
  A=$(mktemp -d "$W/apt-XXXX")
  mkdir -p "$A"/{lists/partial,cache/archives/partial,etc/apt.conf.d,etc/preferences.d} "$A/got"
  touch "$A/status"
  echo "deb [trusted=yes arch=amd64] mirror+$base/mirrorlist?release=9&arch=amd64&repo=apt&cc=de ./" >"$A/sources.list"
  run_apt() {
    (cd "$A/got" && timeout 120 apt-get -q -o Dir::Etc="$A/etc" -o Dir::Etc::SourceList="$A/sources.list" \
      -o Dir::Etc::SourceParts=/dev/null -o Dir::State="$A" -o Dir::State::Lists="$A/lists" \
      -o Dir::State::Status="$A/status" -o Dir::Cache="$A/cache" -o APT::Architecture=amd64 \
      -o APT::Sandbox::User="$(id -un)" -o Acquire::Languages=none -o Debug::NoLocking=1 "$@") >>"$W/apt.log" 2>&1
  }
  run_apt update || fail "apt-get update from $base"
  run_apt download mirrorlistd-hello || fail "apt-get download from $base"
  cmp -s "$A/got/mirrorlistd-hello_1.0_amd64.deb" "$DEBS/mirrorlistd-hello_1.0_amd64.deb" ||
    fail "apt downloaded something else from $base"
done
for peer in 127.0.0.1 ::1; do
  until_true 5 grep -q "^$peer .*\"GET /mirrorlist?[^\"]*repo=apt[^\"]*\" 200 .*APT" "$W/access.log" ||
    fail "no line of apt at $peer in the access log"
done
ok "apt-get update and download through mirror+http over IPv4 and IPv6"

stop "$SERVER"
ok "PASS ${0##*/}"
