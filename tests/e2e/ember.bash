# Sourced behind stage.bash: real mirrors of an image of Ember Linux, and what a crawl has found there.
#
# Gives: $NAME and $SUM of the image, $RELEASE_PATH where it lies, $W/www/HOST and $W/HOST.access of the servers
# `master`, `near` (in Germany), `next` (in Austria) and `far` (in Japan), $W/config.toml with a state to serve.

# --- the master and three mirrors: servers of one nginx, each with an address, a folder and a log of its own (aria2
# makes one connection to each address)
RELEASE_PATH=9.8/isos/x86_64
NAME=Ember-9.8-x86_64-dvd.iso
for host in master near next far; do mkdir -p "$W/www/$host/$RELEASE_PATH"; done
head -c 8000000 /dev/urandom >"$W/www/master/$RELEASE_PATH/$NAME"
(cd "$W/www/master/$RELEASE_PATH" && sha256sum "$NAME" >CHECKSUM)
SUM=$(cut -d' ' -f1 "$W/www/master/$RELEASE_PATH/CHECKSUM")
for host in near next far; do cp -p "$W/www/master/$RELEASE_PATH/"* "$W/www/$host/$RELEASE_PATH/"; done

start_mirrors() {
  declare -gA DOORS=()
  local host number=0
  mkdir -p "$W/nginx"
  {
    echo "daemon off; worker_processes 1; pid $W/nginx.pid; error_log stderr warn; events { worker_connections 256; }"
    echo "http { client_body_temp_path $W/nginx/body; proxy_temp_path $W/nginx/proxy; default_type text/plain;"
    echo "limit_rate 4m;"
    echo "fastcgi_temp_path $W/nginx/fastcgi; uwsgi_temp_path $W/nginx/uwsgi; scgi_temp_path $W/nginx/scgi;"
    for host in master near next far; do
      DOORS[$host]=127.0.0.$((number += 1)):$(pick_port)
      echo "server { listen ${DOORS[$host]}; root $W/www/$host; autoindex on; access_log $W/$host.access; }"
    done
    echo "}"
  } >"$W/nginx.conf"
  start nginx "$(command -v nginx || echo /usr/sbin/nginx)" -c "$W/nginx.conf" -e stderr
  until_true 10 curl -sSf "http://${DOORS[far]}/$RELEASE_PATH/CHECKSUM"
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
    printf '\n[[mirror]]\nname = "%s.example"\nbase.ember.http = "http://%s/"\ncountry = "%s"\n' \
      "$host" "${DOORS[$host]}" "$code"
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
