#!/usr/bin/env bash
# Real dnf as a client of the proxy, in the ways that proxy-repos.sh leaves out: https mirrors through tunnels, with
# ports that may be tunnelled to and one that may not; zchunk metadata; reposync of a whole repo; and a mirror that
# stalls in the middle of a package.
# Needs: dnf createrepo-c rpm nginx-light openssl curl; for reposync the package dnf-plugins-core, which is downloaded
# and not installed: Debian's cannot be beside zypper.
. "$(dirname "$0")/stage.bash"
. "$(dirname "$0")/packages.bash"

# --- the origin: a repo by http, by https, and by https on a port that is not allowed
TREE=$W/www/ember/9/x86_64
build_package hello only 200 "$TREE"
build_package large only 3000 "$TREE"
HELLO=noarch/hello-1.0-1.noarch.rpm LARGE=noarch/large-1.0-1.noarch.rpm
# Debian's createrepo-c is built with zchunk; where one is not, the same without.
createrepo_c -q --zck "$TREE" >"$W/repo.log" 2>&1 || createrepo_c -q "$TREE" >>"$W/repo.log" 2>&1
key=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
(
  cd "$W"
  openssl req -x509 "${key[@]}" -days 30 -subj /CN=authority -addext keyUsage=keyCertSign -keyout ca.key -out ca.pem
  openssl req -new "${key[@]}" -subj /CN=origin -keyout origin.key -out origin.csr
  openssl x509 -req -in origin.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -out origin.pem \
    -extfile <(printf 'subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n')
) >"$W/openssl.log" 2>&1 || fail "no certificate"

start_origin() {
  HTTP=$(pick_port) TLS=$(pick_port) FORBIDDEN=$(pick_port)
  mkdir -p "$W/nginx"
  cat >"$W/nginx.conf" <<CONF
daemon off;
worker_processes 1;
pid $W/nginx.pid;
error_log stderr warn;
events { worker_connections 256; }
http {
  log_format origin '\$scheme \$status \$remote_port "\$request" "\$http_user_agent" "\$http_range"';
  access_log $W/origin.access origin;
  client_body_temp_path $W/nginx/body; proxy_temp_path $W/nginx/proxy; fastcgi_temp_path $W/nginx/fastcgi;
  uwsgi_temp_path $W/nginx/uwsgi; scgi_temp_path $W/nginx/scgi;
  root $W/www;
  server { listen 127.0.0.1:$HTTP; }
  server {
    listen 127.0.0.1:$TLS ssl;
    listen 127.0.0.1:$FORBIDDEN ssl;
    ssl_certificate $W/origin.pem;
    ssl_certificate_key $W/origin.key;
  }
}
CONF
  start nginx "$(command -v nginx || echo /usr/sbin/nginx)" -c "$W/nginx.conf" -e stderr
  until_true 10 curl -sSf "http://127.0.0.1:$HTTP/ember/9/x86_64/repodata/repomd.xml"
}
# Somebody else may take a port between the look and the bind.
start_origin || start_origin || start_origin || fail "nginx does not start"
curl -sSf --noproxy '*' --cacert "$W/ca.pem" -o "$W/null" \
  "https://127.0.0.1:$FORBIDDEN/ember/9/x86_64/repodata/repomd.xml" || fail "the origin does not speak TLS"

BAD_MIRROR=${BAD_MIRROR:-${MIRRORLISTD_BIN%/*}/examples/bad-mirror}
[ -x "$BAD_MIRROR" ] || {
  CARGO_TARGET_DIR=$TARGET cargo build -q --manifest-path "$TOP/Cargo.toml" --example bad-mirror
  BAD_MIRROR=$TARGET/debug/examples/bad-mirror
}
start_stalling() {
  STALLING=$(pick_port)
  echo "stalling 127.0.0.1:$STALLING $W/www" >"$W/faults"
  start bad-mirror "$BAD_MIRROR" "$W/faults"
  until_true 10 grep -q '^listening on' "$W/bad-mirror.out"
}
start_stalling || start_stalling || start_stalling || fail "the mirror that stalls does not start"

# --- the proxy
cat >"$W/proxy.toml" <<TOML
[proxy]
listen = ["127.0.0.1:0"]
name = "proxy.example"
cache_dir = "$W/cache"
allow_internal_targets = ["127.0.0.0/8"]
connect_ports = [443, $TLS]
access_log = "$W/access.log"
roots = "$W/ca.pem"
stall_seconds = 1

[[proxy.repo]]
name = "ember"
baseurl = "https://127.0.0.1:$TLS/ember/\$releasever/\$basearch/"

[[proxy.repo]]
name = "stalled"
baseurl = ["http://127.0.0.1:$STALLING/ember/{releasever}/{arch}/", "http://127.0.0.1:$HTTP/ember/{releasever}/{arch}/"]
TOML
start proxy "$MIRRORLISTD_BIN" proxy --config "$W/proxy.toml" --workers 2
until_true 60 grep -q '^listening on ' "$W/proxy.out" || fail "the proxy does not listen after 60 s"
V4=$(sed -n 's|^listening on \(http://[0-9.]*:[0-9]*\)$|\1|p' "$W/proxy.out" | head -n 1)

write_repo() { # ID LINE...
  local id=$1
  shift
  rm -rf "$D/repos.d" "$D/cache" "$D/got"
  mkdir -p "$D/repos.d"
  printf '%s\n' "[$id]" "name=$id" gpgcheck=0 enabled=1 skip_if_unavailable=0 retries=1 "$@" >"$D/repos.d/$id.repo"
}
got_all() { # FOLDER: it holds every file of the repo, with the same SHA-256
  (cd "$TREE" && find . -type f -exec sha256sum {} +) | sort -k 2 >"$W/sums"
  (cd "$1" && find noarch repodata -type f -printf './%p\0' | xargs -0 sha256sum) | sort -k 2 >"$W/sums-got"
  diff "$W/sums" "$W/sums-got" || fail "what is in $1 is not what the origin has"
}

# --- https through tunnels
write_repo tunnelled "baseurl=https://127.0.0.1:$TLS/ember/9/x86_64/" "proxy=$V4" "sslcacert=$W/ca.pem"
run_dnf makecache || fail "dnf makecache through a tunnel"
run_dnf install --downloadonly --destdir="$D/got" hello large || fail "dnf install through a tunnel"
for package in "$HELLO" "$LARGE"; do
  cmp -s "$D/got/${package##*/}" "$TREE/$package" || fail "dnf got another $package through a tunnel"
done
grep -q "^https 200 .*$LARGE.*libdnf" "$W/origin.access" || fail "the origin did not see dnf itself"
until_true 30 grep -q "CONNECT 127.0.0.1:$TLS" "$W/access.log" || fail "no tunnel in the log"
ok "dnf makecache and install from an https mirror with proxy=, through CONNECT"

lines=$(wc -l <"$W/origin.access")
write_repo forbidden "baseurl=https://127.0.0.1:$FORBIDDEN/ember/9/x86_64/" "proxy=$V4" "sslcacert=$W/ca.pem"
: >"$W/dnf.log"
# Told to be quiet it would keep its reason to itself.
! QUIET='' run_dnf makecache || fail "dnf got through to a port that is not allowed"
grep -q '403' "$W/dnf.log" || fail "dnf does not say why: $(cat "$W/dnf.log")"
status=$(curl -sS -o "$W/null" -w '%{http_connect}' -x "$V4" "https://127.0.0.1:$FORBIDDEN/" 2>>"$W/curl.log" || true)
[ "$status" = 403 ] || fail "CONNECT to a port that is not allowed gives $status"
[ "$(wc -l <"$W/origin.access")" = "$lines" ] || fail "the origin was asked on a port that is not allowed"
ok "CONNECT to another port is refused, and dnf says so: $(grep -o -m 1 '[^:[]*403[^]]*' "$W/dnf.log")"

# --- a whole repo, by its stable URL, from an https mirror; the second time from the cache
# dnf with this one plugin, whatever is installed.
find_reposync() {
  local site=usr/lib/python3/dist-packages
  mkdir -p "$W/plugins"
  if [ -e "/$site/dnf-plugins/reposync.py" ]; then
    cp "/$site/dnf-plugins/reposync.py" "$W/plugins/"
  else
    (cd "$W/plugins" && apt-get download -q dnf-plugins-core && dpkg -x ./*.deb . &&
      mv "$site/dnf-plugins/reposync.py" .) >"$W/plugins.log" 2>&1 || return 1
    export PYTHONPATH=$W/plugins/$site
  fi
  REPOSYNC=(--setopt=plugins=1 --setopt=pluginpath="$W/plugins" reposync)
}
reposync_twice() {
  local pass
  for pass in first second; do
    write_repo ember "baseurl=$V4/ember/\$releasever/\$basearch/"
    run_dnf "${REPOSYNC[@]}" --repoid=ember --norepopath --download-metadata -p "$D/got" ||
      fail "dnf reposync, the $pass time"
    got_all "$D/got"
    [ "$pass" = second ] || lines=$(grep -c '\.rpm ' "$W/origin.access")
  done
  [ "$(grep -c '\.rpm ' "$W/origin.access")" = "$lines" ] || fail "packages were fetched again for the second reposync"
  ! grep -q zck "$W/sums" || kinds=", zchunk metadata among them"
  ok "dnf reposync gets every file as the origin has it ($(wc -l <"$W/sums") files${kinds:-}), and again from the cache"
}
if find_reposync; then reposync_twice; else echo "skipped: reposync, dnf-plugins-core cannot be had"; fi

# --- a mirror that stalls in the middle of a package, which is large enough for that
write_repo stalled "baseurl=$V4/stalled/\$releasever/\$basearch/"
run_dnf makecache || fail "dnf makecache by a mirror that stalls later"
before=$(metric 'failovers')
run_dnf install --downloadonly --destdir="$D/got" large || fail "dnf install by a mirror that stalls"
cmp -s "$D/got/${LARGE##*/}" "$TREE/$LARGE" || fail "dnf got another file after the stall"
[ "$(metric 'failovers')" -gt "$before" ] || fail "no failover was counted"
grep -q "^http 206 .*$LARGE.*bytes=[1-9][0-9]*-" "$W/origin.access" || fail "the next mirror was not asked for the rest"
grep -q "mirror=127.0.0.1:$STALLING state=failed" "$W/proxy.log" || fail "nothing was said of the mirror that stalls"
until_true 30 grep -q "GET /stalled/.*$LARGE" "$W/access.log" || fail "no download in the log"
[ "$(grep -c "GET /stalled/.*$LARGE" "$W/access.log")" = 1 ] || fail "dnf had to ask again"
ok "a mirror that stalls in mid-body is continued by the next, and dnf notices nothing"
