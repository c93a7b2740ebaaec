#!/usr/bin/env bash
# Real mirrors carry a real file, a crawl finds it, and curl, wget and aria2 download it through redirects and by
# Metalink; what they have is what the master's checksum file says. One mirror lies about the content: aria2 finds out.
# Needs: nginx-light curl wget aria2 jq.
. "$(dirname "$0")/stage.bash"
. "$(dirname "$0")/ember.bash"

start_server "$W/config.toml"
FOLDER=$V4/ember/9/isos/x86_64
facts=$(curl -sSf -m 10 "$FOLDER/$NAME?format=json&cc=de")
[ "$(jq -r '.file.digest.digits' <<<"$facts")" = "$SUM" ] || fail "the digest is not the master's: $facts"
[ "$(jq -r '.file.size' <<<"$facts")" = 8000000 ] || fail "the size is not the master's: $facts"
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
run_aria2 aria2-checksum --follow-metalink=false -o by-aria2 --checksum=sha-256="$SUM" "$FOLDER/$NAME?cc=de" ||
  fail "aria2 through the redirect"
is_the_file by-aria2 aria2
ok "aria2 downloads through the redirect, and its own option verifies the file"
forget() { for host in near next far; do : >"$W/$host.access"; done; }
forget
run_aria2 aria2-links --split=3 -o by-links "$FOLDER/$NAME?cc=de" || fail "aria2 by the redirect's links"
is_the_file by-links "aria2 by the redirect's links"
for host in near next far; do asked "$host" 20[06] aria2 || fail "aria2 did not ask $host by the redirect's links"; done
ok "aria2 downloads from three mirrors at a time by the links of the redirect"
forget
run_aria2 aria2-metalink --split=3 -d by-metalink "$FOLDER/$NAME.meta4?cc=de" || fail "aria2 by Metalink"
is_the_file "by-metalink/$NAME" "aria2 by Metalink"
for host in near next far; do asked "$host" 20[06] aria2 || fail "aria2 did not ask $host by Metalink"; done
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
