#!/usr/bin/env bash
# Real dnf installs from a repo of the proxy while its mirrors serve wrong bytes, die in mid-download and fall behind,
# and while packages are rebuilt in place: three nginx, each a mirror with a tree of its own. What dnf gets is compared
# with what was built, and what the proxy says with what was done to its mirrors.
# Needs: dnf createrepo-c rpm nginx-light curl jq.
. "$(dirname "$0")/stage.bash"
. "$(dirname "$0")/packages.bash"

NGINX=$(command -v nginx || echo /usr/sbin/nginx)
MIRRORS=(a b c)
declare -A PORT ID

# publish COMPRESSION MIRROR...: what is in $W/master goes to these mirrors, with metadata made for it.
publish() {
  local compression=$1 mirror
  shift
  createrepo_c -q --general-compress-type="$compression" --compress-type="$compression" "$W/master" >>"$W/repo.log" 2>&1
  for mirror in "$@"; do
    # By rename, as mirrors do it: files of old generations stay.
    mkdir -p "$W/www-$mirror/ember/9/x86_64"
    cp -r "$W/master/." "$W/www-$mirror/ember/9/x86_64/"
  done
}

start_mirror() { # NAME [DIRECTIVE]
  local name=$1 limit=${2:-}
  PORT[$name]=${PORT[$name]:-$(pick_port)}
  mkdir -p "$W/nginx-$name"
  cat >"$W/nginx-$name.conf" <<CONF
daemon off;
worker_processes 1;
pid $W/nginx-$name.pid;
error_log stderr warn;
events { worker_connections 256; }
http {
  access_log $W/mirror-$name.access combined;
  client_body_temp_path $W/nginx-$name/body; proxy_temp_path $W/nginx-$name/proxy;
  fastcgi_temp_path $W/nginx-$name/fastcgi; uwsgi_temp_path $W/nginx-$name/uwsgi; scgi_temp_path $W/nginx-$name/scgi;
  server { listen 127.0.0.1:${PORT[$name]}; root $W/www-$name; $limit }
}
CONF
  start "nginx-$name" "$NGINX" -c "$W/nginx-$name.conf" -e stderr
  ID[$name]=$STARTED
  until_true 30 curl -sSf -o "$W/null" "http://127.0.0.1:${PORT[$name]}/ember/9/x86_64/repodata/repomd.xml" ||
    fail "mirror $name does not start"
}

stop_mirror() { stop "${ID[$1]}"; }

build_package hello first 200 "$W/master"
build_package large only 20000 "$W/master"
publish gz "${MIRRORS[@]}"
for mirror in "${MIRRORS[@]}"; do start_mirror "$mirror"; done
HELLO=noarch/hello-1.0-1.noarch.rpm LARGE=noarch/large-1.0-1.noarch.rpm

# --- the proxy
cat >"$W/proxy.toml" <<TOML
[proxy]
listen = ["127.0.0.1:0"]
name = "proxy.example"
cache_dir = "$W/cache"
cache_bytes_max = 2000000000
allow_internal_targets = ["127.0.0.0/8"]
access_log = "$W/access.log"
stall_seconds = 5

[[proxy.repo]]
name = "ember"
baseurl = [$(for mirror in "${MIRRORS[@]}"; do
  printf '"http://127.0.0.1:%s/ember/$releasever/$basearch/", ' "${PORT[$mirror]}"
done)]
pointer_seconds = 1

[[proxy.repo]]
name = "listed"
mirrorlist = "http://127.0.0.1:${PORT[a]}/list-{releasever}-{arch}"

[[proxy.repo]]
name = "linked"
metalink = "http://127.0.0.1:${PORT[a]}/linked.metalink"
TOML
start_proxy() {
  start proxy "$MIRRORLISTD_BIN" proxy --config "$W/proxy.toml" --workers 2
  PROXY=$STARTED
  until_true 60 grep -q '^listening on ' "$W/proxy.out" || fail "the proxy does not listen after 60 s"
  V4=$(sed -n 's|^listening on \(http://[0-9.]*:[0-9]*\)$|\1|p' "$W/proxy.out" | head -n 1)
  REPO=$V4/ember/9/x86_64
}
start_proxy

sum() { sha256sum <"$1" | cut -d' ' -f1; }
get() { curl -sS -m 120 -o "$W/got" "$@" && sum "$W/got"; }
said() { grep -h -- "$1" "$W"/proxy*.log; }
repomd_sum() { get "$REPO/repodata/repomd.xml"; }
shows() { [ "$(repomd_sum)" = "$1" ]; }

# --- dnf, by the repo's stable URL and through the proxy
write_repo() { # LINE...
  printf '%s\n' '[ember]' name=ember gpgcheck=0 enabled=1 skip_if_unavailable=0 "$@" >"$D/repos.d/ember.repo"
}
download() { # PACKAGE...: with fresh metadata and no package of its own kept
  rm -rf "$D/got" "$D/cache"
  run_dnf --refresh install --downloadonly --destdir="$D/got" "$@" || fail "dnf install $*"
}
write_repo 'baseurl=http://127.0.0.1:'"${V4##*:}"'/ember/$releasever/$basearch/'
run_dnf makecache || fail "dnf makecache"
download hello large
cmp -s "$D/got/${HELLO##*/}" "$W/master/$HELLO" || fail "dnf got another hello"
cmp -s "$D/got/${LARGE##*/}" "$W/master/$LARGE" || fail "dnf got another large"
ok "dnf makecache and install --downloadonly by the stable URL"
write_repo "baseurl=http://127.0.0.1:${PORT[b]}/ember/9/x86_64/" "proxy=$V4"
download hello
cmp -s "$D/got/${HELLO##*/}" "$W/master/$HELLO" || fail "dnf got another hello through the proxy"
ok "dnf install --downloadonly with proxy="
write_repo 'baseurl=http://127.0.0.1:'"${V4##*:}"'/ember/$releasever/$basearch/'

# --- lists of mirrors: text, with a dead mirror first, and a metalink that knows which repomd.xml is right
printf '# a list\nhttp://127.0.0.1:1/ember/9/x86_64/\nhttp://127.0.0.1:%s/ember/9/x86_64\n' "${PORT[b]}" \
  >"$W/www-a/list-9-x86_64"
[ "$(get "$V4/listed/9/x86_64/$HELLO")" = "$(sum "$W/master/$HELLO")" ] || fail "no file of a repo with a mirrorlist"
grep -qi "^X-Mirror: 127.0.0.1:${PORT[b]}" <(curl -sSI "$V4/listed/9/x86_64/$HELLO") || fail "no X-Mirror"
ok "a mirrorlist is read, and its dead mirror passed over"
cp -r "$W/www-a/ember" "$W/www-a/linked"
cp -r "$W/www-b/ember" "$W/www-b/linked"
echo '<!-- forged -->' >>"$W/www-a/linked/9/x86_64/repodata/repomd.xml"
cat >"$W/www-a/linked.metalink" <<XML
<?xml version="1.0" encoding="utf-8"?>
<metalink version="3.0" xmlns="http://www.metalinker.org/"><files><file name="repomd.xml">
<verification><hash type="sha256">$(sum "$W/master/repodata/repomd.xml")</hash></verification>
<resources maxconnections="1">
<url protocol="http" preference="99">http://127.0.0.1:${PORT[b]}/linked/9/x86_64/repodata/repomd.xml</url>
<url protocol="http" preference="100">http://127.0.0.1:${PORT[a]}/linked/9/x86_64/repodata/repomd.xml</url>
</resources></file></files></metalink>
XML
[ "$(get "$V4/linked/9/x86_64/repodata/repomd.xml")" = "$(sum "$W/master/repodata/repomd.xml")" ] ||
  fail "another repomd.xml than the metalink knows"
until_true 30 said "name=linked/9/x86_64 mirror=127.0.0.1:${PORT[a]} state=wrong" || fail "the forger was not told of"
ok "a repomd.xml that the metalink does not know is not believed"

# --- generations: by name and by date
FIRST=$(repomd_sum)
[ "$FIRST" = "$(sum "$W/master/repodata/repomd.xml")" ] || fail "another repomd.xml is shown than mirrors have"
until_true 60 curl -sSf -o "$W/null" "$V4/ember@${FIRST:0:12}/9/x86_64/repodata/repomd.xml" || fail "no view by name"
[ "$(get "$V4/ember@${FIRST:0:12}/9/x86_64/repodata/repomd.xml")" = "$FIRST" ] || fail "another repomd.xml by name"
[ "$(get "$V4/ember@$(date -u +%F)/9/x86_64/repodata/repomd.xml")" = "$FIRST" ] || fail "another repomd.xml by date"
for view in 00000000 2001-01-01 nonsense; do
  status=$(curl -sS -o "$W/text" -w '%{http_code}' "$V4/ember@$view/9/x86_64/repodata/repomd.xml")
  [ "$status" = 404 ] && grep -q 'generation\|view' "$W/text" || fail "ember@$view gives $status: $(cat "$W/text")"
done
ok "a generation is there by name and by date, and others are 404"

# --- a package rebuilt in place, with xz metadata; mirror a does not get it and falls behind
old_hello=$(sum "$W/master/$HELLO")
build_package hello second 200 "$W/master"
new_hello=$(sum "$W/master/$HELLO")
[ "$old_hello" != "$new_hello" ] || fail "the rebuilt package is the same"
sleep 1
publish xz b c
SECOND=$(sum "$W/master/repodata/repomd.xml")
# The mirror that served last is asked first: until it is another than a, a's old one is the same as ours.
stop_mirror a
until_true 60 shows "$SECOND" || fail "the new repomd.xml is not shown after 60 s"
start_mirror a
download hello
[ "$(sum "$D/got/${HELLO##*/}")" = "$new_hello" ] || fail "dnf got the old package after the rebuild"
ok "a package rebuilt in place is replaced as soon as the metadata change"
[ "$(get "$V4/ember@${FIRST:0:12}/9/x86_64/$HELLO")" = "$old_hello" ] || fail "the frozen view lost the old package"
[ "$(get "$V4/ember@${FIRST:0:12}/9/x86_64/repodata/repomd.xml")" = "$FIRST" ] || fail "the frozen view moved"
ok "a frozen view keeps the old package and the old metadata"

# --- mirrors b and c are away, and a is behind: it is not believed
stop_mirror b
stop_mirror c
for _ in 1 2 3; do
  sleep 1.2
  shows "$SECOND" || fail "an older repomd.xml was taken from a mirror that is behind"
done
until_true 60 said 'state=behind' || fail "nothing was said of the mirror that is behind"
start_mirror b
start_mirror c
ok "a mirror that is behind turns nothing back"

# --- wrong bytes: mirror b, then all
build_package more only 300 "$W/master"
sleep 1
publish gz a b c
THIRD=$(sum "$W/master/repodata/repomd.xml")
MORE=noarch/more-1.0-1.noarch.rpm
corrupt() { # FILE: one byte in its middle, the length stays
  printf 'X' | dd of="$1" bs=1 seek=$(($(stat -c %s "$1") - 2000)) conv=notrunc status=none
}
for mirror in a b; do corrupt "$W/www-$mirror/ember/9/x86_64/$MORE"; done
until_true 60 shows "$THIRD" || fail "the third repomd.xml is not shown after 60 s"
# What is seen before the checksum is known cannot be taken back: dnf is told by a broken transfer, and asks again.
download more
[ "$(sum "$D/got/${MORE##*/}")" = "$(sum "$W/master/$MORE")" ] || fail "dnf got wrong bytes"
until_true 30 said "state=wrong.*more-1.0" || { said . | tail -3; fail "nothing was said of the wrong bytes"; }
[ "$(get "$REPO/$MORE")" = "$(sum "$W/master/$MORE")" ] || fail "wrong bytes are in the cache"
ok "wrong bytes of two mirrors reach nobody and are not kept"

# --- small ones are repaired before anybody sees a byte
build_package tiny only 1 "$W/master"
sleep 1
publish gz a b c
for mirror in a b; do
  file=$W/www-$mirror/ember/9/x86_64/noarch/tiny-1.0-1.noarch.rpm
  printf 'X' | dd of="$file" bs=1 seek=1000 conv=notrunc status=none
done
until_true 60 shows "$(sum "$W/master/repodata/repomd.xml")" || fail "the fourth repomd.xml is not shown after 60 s"
[ "$(get "$REPO/noarch/tiny-1.0-1.noarch.rpm")" = "$(sum "$W/master/noarch/tiny-1.0-1.noarch.rpm")" ] ||
  fail "a small file came wrong"
ok "of a small file the first answer is right though two mirrors are wrong"

# --- a mirror dies in mid-download
curl -sS -o "$W/null" -X PURGE "$REPO/$LARGE"
for mirror in a b c; do stop_mirror "$mirror"; done
start_mirror a 'limit_rate 2m;'
repomd_sum >"$W/null"
curl -sS -m 200 -o "$W/large" "$REPO/$LARGE" &
CURL=$!
until_true 60 test -s "$W/large" || fail "the download does not begin"
start_mirror b
stop_mirror a
wait "$CURL" || fail "the client noticed that the mirror died"
cmp -s "$W/large" "$W/master/$LARGE" || fail "what came of two mirrors is not the file"
[ "$(metric 'failovers')" -ge 1 ] || fail "no failover was counted"
ok "a mirror that dies in mid-download is continued from the next"
start_mirror a
start_mirror c

# --- metadata that no mirror has: the old repomd.xml stays
FOURTH=$(repomd_sum)
build_package last only 1 "$W/master"
sleep 1
publish gz a b c
FIFTH=$(sum "$W/master/repodata/repomd.xml")
primary=$(sed -n 's|.*href="\(repodata/[^"]*-primary.xml.gz\)".*|\1|p' "$W/master/repodata/repomd.xml")
for mirror in a b c; do rm "$W/www-$mirror/ember/9/x86_64/$primary"; done
waits() { repomd_sum >"$W/null" && said 'state=waiting'; }
until_true 60 waits || fail "a generation without metadata was not waited for"
shows "$FOURTH" || fail "a repomd.xml is shown of which no mirror has the metadata"
for mirror in a b c; do cp "$W/master/$primary" "$W/www-$mirror/ember/9/x86_64/$primary"; done
until_true 120 shows "$FIFTH" || fail "the repomd.xml is not shown after its metadata came"
ok "a repomd.xml is shown when what it names is here, and not before"

# --- killed, and started again without a mirror
kill -9 "$PROXY"
wait "$PROXY" 2>/dev/null || true
for mirror in a b c; do stop_mirror "$mirror"; done
mv "$W/proxy.log" "$W/proxy-before.log"
rm "$W/proxy.out"
start_proxy
[ "$(repomd_sum)" = "$FIFTH" ] || fail "another repomd.xml after the restart"
[ "$(get "$V4/ember@${FIRST:0:12}/9/x86_64/$HELLO")" = "$old_hello" ] || fail "no frozen view after the restart"
[ "$(get "$REPO/$HELLO")" = "$new_hello" ] || fail "another package after the restart"
grep -q 'state=restored' "$W/proxy.log" || fail "nothing was said of what was restored"
ok "killed and started again without mirrors, everything is as it was"

# --- the page for people and programs, a file to copy, and prefetching
curl -sSf "$V4/" -o "$W/page" && grep -q '<h2 id="repo-ember">ember</h2>' "$W/page" || fail "the page has no ember"
curl -sSf "$V4/?format=json" -o "$W/json" || fail "no JSON"
[ "$(jq -r '.repos[] | select(.name == "ember") | .releases[0].generation' "$W/json")" = "${FIFTH:0:12}" ] ||
  fail "the page tells another generation: $(cat "$W/json")"
[ "$(jq -r '.repos[] | select(.name == "ember") | .releases[0].packages' "$W/json")" = 5 ] || fail "not five packages"
for mirror in a b c; do start_mirror "$mirror"; done
rm "$D/repos.d/ember.repo"
curl -sSf "$V4/ember.repo" -o "$D/repos.d/copied.repo" || fail "no .repo file"
rm -rf "$D/cache"
run_dnf --refresh --nogpgcheck --setopt=ember.skip_if_unavailable=0 makecache || fail "dnf with the copied file"
[ -n "$(find "$D/cache" -name '*primary.xml*')" ] || fail "dnf with the copied file kept no metadata"
ok "the page tells the generation, and dnf takes its .repo file"
"$MIRRORLISTD_BIN" cache prefetch --proxy "$V4" ember/9/x86_64 'la*' >"$W/prefetch" || fail "prefetch"
grep -q '^failed  0$' "$W/prefetch" || fail "prefetch says: $(cat "$W/prefetch")"
for mirror in a b c; do stop_mirror "$mirror"; done
rm "$W/got"
[ "$(get "$REPO/noarch/last-1.0-1.noarch.rpm")" = "$(sum "$W/master/noarch/last-1.0-1.noarch.rpm")" ] ||
  fail "what was prefetched is not here"
ok "what was prefetched is served without mirrors"

# --- a cache that cannot take a file: it is served all the same, and still verified
stop "$PROXY"
for mirror in a b c; do start_mirror "$mirror"; done
sed -i "s|^cache_dir = .*|cache_dir = \"$W/small\"\nobject_bytes_max = 100000|" "$W/proxy.toml"
rm "$W/proxy.out"
start_proxy
repomd_sum >"$W/null"
until_true 60 said "generation=${FIFTH:0:12} packages=5" || fail "the list of packages is not here after 60 s"
[ "$(get "$REPO/$LARGE")" = "$(sum "$W/master/$LARGE")" ] || fail "a file that is too large for the cache came wrong"
for mirror in a b c; do corrupt "$W/www-$mirror/ember/9/x86_64/$LARGE"; done
! curl -sS -m 120 -o "$W/got" "$REPO/$LARGE" 2>>"$W/curl.log" || fail "a wrong file was completed around the cache"
ok "a file that the cache cannot take is served, and verified"
