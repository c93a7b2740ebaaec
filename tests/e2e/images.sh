#!/usr/bin/env bash
# Real mirrors carry a real file, a crawl finds it, and curl, wget and aria2 download it through redirects and by
# Metalink; what they have is what the master's checksum file says. One mirror lies about the content: aria2 finds out.
# Needs: nginx-light curl wget aria2 jq.
. "$(dirname "$0")/stage.bash"

# --- the master and three mirrors: servers of one nginx, each with a folder and a log of its own
RELEASE_PATH=9.8/isos/x86_64
NAME=Ember-9.8-x86_64-dvd.iso
for host in master near next far; do mkdir -p "$W/www/$host/$RELEASE_PATH"; done
head -c 20000000 /dev/urandom >"$W/www/master/$RELEASE_PATH/$NAME"
(cd "$W/www/master/$RELEASE_PATH" && sha256sum "$NAME" >CHECKSUM)
SUM=$(cut -d' ' -f1 "$W/www/master/$RELEASE_PATH/CHECKSUM")
for host in near next far; do cp -p "$W/www/master/$RELEASE_PATH/"* "$W/www/$host/$RELEASE_PATH/"; done

start_mirrors() {
  declare -gA PORTS=()
  local host
  mkdir -p "$W/nginx"
  {
    echo "daemon off; worker_processes 1; pid $W/nginx.pid; error_log stderr warn; events { worker_connections 256; }"
    echo "http { client_body_temp_path $W/nginx/body; proxy_temp_path $W/nginx/proxy; default_type text/plain;"
    echo "fastcgi_temp_path $W/nginx/fastcgi; uwsgi_temp_path $W/nginx/uwsgi; scgi_temp_path $W/nginx/scgi;"
    for host in master near next far; do
      PORTS[$host]=$(pick_port)
      echo "server { listen 127.0.0.1:${PORTS[$host]}; root $W/www/$host; autoindex on; access_log $W/$host.access; }"
    done
    echo "}"
  } >"$W/nginx.conf"
  start nginx "$(command -v nginx || echo /usr/sbin/nginx)" -c "$W/nginx.conf" -e stderr
  until_true 10 curl -sSf "http://127.0.0.1:${PORTS[far]}/$RELEASE_PATH/CHECKSUM"
}
# Somebody else may take a port between the look and the bind.
start_mirrors || start_mirrors || start_mirrors || fail "nginx does not start"

# --- the inventory: near and next to a client in Germany, and far away
mkdir "$W/lists"
{
  cat <<'TOML'
[[distribution]]
name = "ember"
title = "Ember Linux"
protocols = ["http"]

[[tree]]
name = "ember"

[[release]]
name = "9.8"
aliases = ["9"]
arches = ["x86_64"]

[[images]]
kind = "isos"
path = "isos/{arch}"
checksum_files = ["CHECKSUM"]

[[nearby]]
country = "DE"
countries = ["AT", "JP"]
TOML
  for country in 'DE Germany europe 51 9' 'AT Austria europe 47 13' 'JP Japan asia 36 138'; do
    read -r code name continent latitude longitude <<<"$country"
    printf '\n[[country]]\ncode = "%s"\nname = "%s"\ncontinent = "%s"\nlatitude = %s.0\nlongitude = %s.0\n' \
      "$code" "$name" "$continent" "$latitude" "$longitude"
  done
  for mirror in 'master DE' 'near DE' 'next AT' 'far JP'; do
    read -r host code <<<"$mirror"
    printf '\n[[mirror]]\nname = "%s.example"\nbase.ember.http = "http://127.0.0.1:%s/"\ncountry = "%s"\n' \
      "$host" "${PORTS[$host]}" "$code"
    [ "$host" != master ] || echo 'status = "master"'
  done
} >"$W/lists/ember.toml"
cat >"$W/config.toml" <<TOML
listen = ["127.0.0.1:0"]
workers = 1
lists = "$W/lists"
state = "$W/state"
[crawl]
internal = ["127.0.0.0/8"]
mirrors_min = 1
repos_min = 0
TOML
"$MIRRORLISTD_BIN" crawl --config "$W/config.toml" >"$W/crawl.out" 2>"$W/crawl.log" || fail "the crawl ends with $?"
start_server "$W/config.toml"
FOLDER=$V4/ember/9/isos/x86_64
facts=$(curl -sSf -m 10 "$FOLDER/$NAME?format=json&cc=de")
[ "$(jq -r '.file.digest.digits' <<<"$facts")" = "$SUM" ] || fail "the digest is not the master's: $facts"
[ "$(jq -r '.file.size' <<<"$facts")" = 20000000 ] || fail "the size is not the master's: $facts"
hosts=$(jq -r '[.mirrors[].name] | join(" ")' <<<"$facts")
[ "$hosts" = "near.example next.example far.example" ] || fail "the mirrors are $hosts"
ok "a crawl has found the file, its size and digest, and who has it"

mkdir "$W/got"
cd "$W/got"
is_the_file() { (echo "$SUM  $1" | sha256sum -c --status) || fail "$2 has downloaded something else"; }
asked() { until_true 10 grep -q "\"GET /$RELEASE_PATH/$NAME HTTP/1.1\" $2 .*\"$3" "$W/$1.access"; }

curl -sSfL -m 60 -o by-curl "$FOLDER/$NAME?cc=de" || fail "curl"
is_the_file by-curl curl
asked near 200 curl || fail "curl did not ask the mirror in Germany"
curl -sSfL -m 60 -o by-curl-abroad "$FOLDER/$NAME?cc=jp" || fail "curl from Japan"
is_the_file by-curl-abroad curl
asked far 200 curl || fail "curl did not ask the mirror in Japan"
curl -sSfL -m 60 -o listing "$FOLDER/?cc=at" && grep -q "$NAME" listing || fail "curl was not led to a mirror's folder"
ok "curl -L downloads from the mirror of its country, and the checksum is right"

wget -q -T 60 -O by-wget "$FOLDER/$NAME?cc=de" || fail "wget"
is_the_file by-wget wget
asked near 200 Wget || fail "wget did not ask the mirror in Germany"
ok "wget downloads through the redirect, and the checksum is right"

# The line that pages offer to be copied, as it is.
curl -sSf -m 10 -A Mozilla -H 'Accept: text/html' -o page.html "$FOLDER/$NAME?cc=de"
command=$(sed -n 's|.*<code>\(echo .* sha256sum -c\)</code>.*|\1|p' page.html | sed 's/&#34;/"/g')
cp by-curl "$NAME"
[ "$(bash -c "$command")" = "$NAME: OK" ] || fail "the page's command says: $(bash -c "$command" 2>&1)"
rm "$NAME"
ok "the command that the page offers verifies the file"

run_aria2() { # NAME OPTION...
  local name=$1
  shift
  aria2c --no-conf -q --console-log-level=error --log="$W/$name.log" --log-level=info --allow-overwrite=true \
    --follow-metalink=mem --timeout=30 --connect-timeout=10 --min-split-size=1M "$@"
}
run_aria2 aria2-redirect --follow-metalink=false -o by-aria2 --checksum=sha-256="$SUM" "$FOLDER/$NAME?cc=de" ||
  fail "aria2 through the redirect"
is_the_file by-aria2 aria2
ok "aria2 downloads through the redirect and verifies by itself"
: >"$W/near.access"
run_aria2 aria2-metalink --split=3 -d by-metalink "$FOLDER/$NAME.meta4?cc=de" || fail "aria2 by Metalink"
is_the_file "by-metalink/$NAME" "aria2 by Metalink"
for host in near next far; do asked "$host" 206 aria2 || fail "aria2 did not ask $host by Metalink"; done
grep -qi 'verification finished successfully\|checksum.*good\|Good chunk checksum\|hash.*OK' "$W/aria2-metalink.log" ||
  fail "aria2 did not verify: $(tail -n 5 "$W/aria2-metalink.log")"
ok "aria2 downloads from three mirrors at a time by Metalink, and verifies"

# --- after the crawl a mirror is tampered with: size and date stay, so only a checksum can tell
for host in near next far; do
  printf 'tampered' | dd of="$W/www/$host/$RELEASE_PATH/$NAME" bs=1 seek=7000000 conv=notrunc status=none
  touch -r "$W/www/master/$RELEASE_PATH/$NAME" "$W/www/$host/$RELEASE_PATH/$NAME"
done
if run_aria2 aria2-tampered -d by-tampered "$FOLDER/$NAME.meta4?cc=de"; then fail "aria2 takes a tampered file"; fi
ok "aria2 refuses a tampered file by the Metalink's digest"
