#!/usr/bin/env bash
# The proxy is killed again and again while it fetches, and started again each time. What the cache then holds is right
# and whole, the limit of its size holds, and clients never had a wrong byte: objects change at the origin all the time,
# so the bytes of two versions must not meet in one file.
# KILLS=N: how many times, 40 unless told.
# Needs: createrepo-c rpm nginx-light curl.
. "$(dirname "$0")/stage.bash"
. "$(dirname "$0")/packages.bash"
KILLS=${KILLS:-40}
OBJECTS=24
CACHE_BYTES_MAX=12000000

# --- the origin: objects of 1 kB to 2 MB in two versions each, and a repo in two generations with one package that is
# rebuilt in place; all of it is more than the cache may hold
mkdir -p "$W/www/objects" "$W/versions/0" "$W/versions/1" "$W/got"
for number in $(seq "$OBJECTS"); do
  bytes=$((1000 + RANDOM % 60000))
  [ $((number % 3)) != 0 ] || bytes=$((bytes * 33))
  for version in 0 1; do head -c "$bytes" /dev/urandom >"$W/versions/$version/$number"; done
done
build_package steady only 100 "$W/generation-0"
cp -r "$W/generation-0" "$W/generation-1"
for generation in 0 1; do
  build_package rebuilt "generation-$generation" 300 "$W/generation-$generation"
  createrepo_c -q "$W/generation-$generation" >>"$W/repo.log" 2>&1
  sleep 1 # the time in repomd.xml
done
REPO_FILES=(repodata/repomd.xml noarch/steady-1.0-1.noarch.rpm noarch/rebuilt-1.0-1.noarch.rpm)
# Generation 1 is the newer one: it comes once, and objects change each time.
publish() { # FILE PATH: by rename
  mkdir -p "${2%/*}"
  cp "$1" "$2.new"
  mv "$2.new" "$2"
}
publish_generation() { # 0 or 1
  local file
  for file in $(cd "$W/generation-$1" && find noarch -type f) \
    $(cd "$W/generation-$1" && find repodata -type f ! -name repomd.xml) repodata/repomd.xml; do
    publish "$W/generation-$1/$file" "$W/www/ember/9/x86_64/$file"
  done
}
for number in $(seq "$OBJECTS"); do publish "$W/versions/0/$number" "$W/www/objects/$number"; done
publish_generation 0
# What is right: SHA-256 and name, any version.
(
  cd "$W"
  for number in $(seq "$OBJECTS"); do sha256sum versions/?/"$number" | sed "s|  .*|  object-$number|"; done
  for file in "${REPO_FILES[@]}"; do sha256sum generation-?/"$file" | sed "s|  .*|  ${file##*/}|"; done
) | sort -u >"$W/right"

start_origin() {
  ORIGIN=$(pick_port)
  mkdir -p "$W/nginx"
  cat >"$W/nginx.conf" <<CONF
daemon off;
worker_processes 1;
pid $W/nginx.pid;
error_log stderr warn;
events { worker_connections 256; }
http {
  access_log off;
  limit_rate 1m;
  client_body_temp_path $W/nginx/body; proxy_temp_path $W/nginx/proxy; fastcgi_temp_path $W/nginx/fastcgi;
  uwsgi_temp_path $W/nginx/uwsgi; scgi_temp_path $W/nginx/scgi;
  server { listen 127.0.0.1:$ORIGIN; root $W/www; add_header Cache-Control max-age=1; }
}
CONF
  start nginx "$(command -v nginx || echo /usr/sbin/nginx)" -c "$W/nginx.conf" -e stderr
  until_true 10 curl -sSf -o "$W/null" "http://127.0.0.1:$ORIGIN/objects/1"
}
# Somebody else may take a port between the look and the bind.
start_origin || start_origin || start_origin || fail "nginx does not start"

# --- the proxy
start_proxy() { # OFFLINE: true or false
  cat >"$W/proxy.toml" <<TOML
[proxy]
listen = ["127.0.0.1:0"]
cache_dir = "$W/cache"
cache_bytes_max = $CACHE_BYTES_MAX
allow_internal_targets = ["127.0.0.0/8"]
offline = $1

[[proxy.repo]]
name = "ember"
baseurl = "http://127.0.0.1:$ORIGIN/ember/{releasever}/{arch}/"
pointer_seconds = 1
TOML
  rm -f "$W/proxy.out"
  start proxy "$MIRRORLISTD_BIN" proxy --config "$W/proxy.toml" --workers 1
  PROXY=$STARTED
  until_true 60 grep -q '^listening on ' "$W/proxy.out" || fail "the proxy does not listen after 60 s"
  V4=$(sed -n 's|^listening on \(http://[0-9.]*:[0-9]*\)$|\1|p' "$W/proxy.out" | head -n 1)
}
# What was started offline fetches again.
go_online() {
  sed -i 's/^offline = .*/offline = false/' "$W/proxy.toml"
  kill -HUP "$PROXY"
  # Never seen before, so it cannot be served from the cache.
  local never=$RANDOM$RANDOM
  until_true 30 curl -sSf -o "$W/null" -x "$V4" "http://127.0.0.1:$ORIGIN/objects/1?$never" ||
    fail "the proxy does not go online after HUP"
}

# Asks for everything, eight at a time, in some order; STATUS/EXIT-CODE NAME of each is in $W/statuses, files in $W/got.
ask() {
  local name
  rm -rf "$W/got"
  mkdir "$W/got"
  {
    for name in $(seq "$OBJECTS"); do echo "object-$name $V4 http://127.0.0.1:$ORIGIN/objects/$name"; done
    for name in "${REPO_FILES[@]}"; do echo "${name##*/} - $V4/ember/9/x86_64/$name"; done
  } | shuf | while read -r name proxy url; do
    [ "$proxy" = - ] || printf 'proxy = "%s"\n' "$proxy"
    printf 'url = "%s"\noutput = "%s/got/%s"\n' "$url" "$W" "$name"
    printf 'write-out = "%%{http_code}/%%{exitcode} %s\\n"\nfail\nmax-time = 60\nnext\n' "$name"
  done | sed '$d' >"$W/curlrc"
  curl -sS -Z --parallel-max 8 -K "$W/curlrc" >"$W/statuses" 2>>"$W/curl.log" || true
}
# right [NAME...]: files in $W/got with these names, all unless told, are versions of what they are called.
right() {
  (cd "$W/got" && sha256sum -- "$@" 2>>"$W/null") | sort >"$W/sums"
  comm -23 "$W/sums" "$W/right" >"$W/wrong"
  [ ! -s "$W/wrong" ] || fail "after $kill kills, wrong bytes were served: $(cat "$W/wrong")"
}
# What broke off is the beginning of a version.
begun() {
  local name file path version bytes
  for file in "$W"/got/object-*; do
    [ -e "$file" ] || continue
    name=${file##*-} bytes=$(stat -c %s "$file")
    cmp -s -n "$bytes" "$file" "$W/versions/0/$name" || cmp -s -n "$bytes" "$file" "$W/versions/1/$name" ||
      fail "in kill $kill, a client had bytes of object $name that no version begins with"
  done
}
served() { awk '$1 == "200/0" { print $2 }' "$W/statuses"; }

# --- kills
kill=0 hits=0 broken=0 drafts=0
mkdir -p "$W/cache"
start_proxy false
while [ "$kill" -lt "$KILLS" ]; do
  # A part of the objects changes while clients ask for all of them.
  for number in $(seq "$OBJECTS"); do
    [ $((RANDOM % 3)) != 0 ] || publish "$W/versions/$((RANDOM % 2))/$number" "$W/www/objects/$number"
  done
  [ "$kill" != $((KILLS / 2)) ] || publish_generation 1
  ask &
  ASKING=$!
  # All of it takes about a second: a kill may come as the first fetch begins, and when all are done.
  sleep "$(printf '%d.%03d' $((RANDOM % 8 == 0)) $((RANDOM % 1000)))"
  kill -KILL "$PROXY"
  wait "$PROXY" 2>/dev/null || true
  wait "$ASKING" || true
  kill=$((kill + 1))
  begun
  [ -z "$(served)" ] || right $(served)
  broken=$((broken + $(grep -vc '^200/0 ' "$W/statuses" || true)))
  [ -z "$(find "$W/cache/drafts" -type f | head -n 1)" ] || drafts=$((drafts + 1))
  bytes=$(du -s --block-size=1 "$W/cache/objects" "$W/cache/drafts" | awk '{ sum += $1 } END { print sum }')
  # Folders take blocks that are no objects.
  [ "$bytes" -le $((CACHE_BYTES_MAX + 2000000)) ] || fail "after $kill kills the cache takes $bytes bytes"
  "$MIRRORLISTD_BIN" cache verify "$W/cache" >"$W/verify" 2>&1 ||
    fail "after $kill kills the cache is damaged: $(tail -n 3 "$W/verify")"

  # What is there is served, whatever its age, and nothing else: so this is what the kill left.
  start_proxy true
  ask
  [ -z "$(served)" ] || right $(served)
  hits=$((hits + $(served | wc -l)))
  ! grep -v '^200/0 \|^504/\|^503/' "$W/statuses" >"$W/others" || fail "after $kill kills, offline: $(cat "$W/others")"
  go_online
done
[ "$hits" -ge $((KILLS * 3)) ] || fail "only $hits objects were there after $KILLS kills"
[ "$drafts" -gt 0 ] || fail "no kill came while something was fetched"
ask
right $(served)
[ "$(served | wc -l)" = $((OBJECTS + ${#REPO_FILES[@]})) ] ||
  fail "in the end not everything is served: $(cat "$W/statuses")"
newest() { ask; (cd "$W/got" && cmp -s repomd.xml "$W/generation-1/repodata/repomd.xml"); }
until_true 60 newest || fail "the newer repomd.xml is not shown in the end"
cmp -s "$W/got/rebuilt-1.0-1.noarch.rpm" "$W/generation-1/noarch/rebuilt-1.0-1.noarch.rpm" ||
  fail "the rebuilt package is not served in the end"
stop "$PROXY"
"$MIRRORLISTD_BIN" cache verify "$W/cache" >"$W/verify" 2>&1 || fail "the cache is damaged: $(tail -n 3 "$W/verify")"
ok "$KILLS kills, $drafts while something was fetched: $broken answers broke off, $hits objects were there, all right"
