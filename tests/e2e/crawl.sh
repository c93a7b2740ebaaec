#!/usr/bin/env bash
# A farm of 60 real mirrors, over forty kinds of bad ones among them, is crawled, planned, published and served; dnf
# installs from the served list. Then the master breaks, half the farm breaks, the crawler is killed again and again,
# and what is served stays sound.
# Needs: namespaces (skips where there are none), nginx createrepo-c rpm openssl iproute2 dnf curl jq sqlite3.
FARM=$(cd "$(dirname "$0")/../.." && pwd)/tools/farm.sh
if [ "${FARM_INSIDE:-}" != yes ]; then
  if ! "$FARM" enter true 2>/dev/null; then
    echo "skipped: no network and mount namespaces here"
    exit 0
  fi
  exec "$FARM" enter "$0" "$@"
fi
. "$(dirname "$0")/stage.bash"
KILLS=${KILLS:-30}

# --- the farm
BAD_MIRROR=${BAD_MIRROR:-${MIRRORLISTD_BIN%/*}/examples/bad-mirror}
[ -x "$BAD_MIRROR" ] || {
  CARGO_TARGET_DIR=$TARGET cargo build -q --manifest-path "$TOP/Cargo.toml" --example bad-mirror
  BAD_MIRROR=$TARGET/debug/examples/bad-mirror
}
export BAD_MIRROR
F=$W/farm
"$FARM" make "$F" 60
start farm "$FARM" serve "$F"
until_true 30 grep -q 'is up' "$W/farm.out" || fail "the farm does not come up"
"$FARM" check "$F" || fail "mirrors are not what their labels say"
# What curl was let into does not count: the trap is for the crawler.
before_traps=$(grep -c '^trapped' "$F/trapped.log" || true)

INTERNAL=()
while read -r prefix; do INTERNAL+=(--internal "$prefix"); done <"$F/internal"
cat >"$W/config.toml" <<TOML
listen = ["127.0.0.1:0", "[::1]:0"]
workers = 1
lists = "$F/lists"
state = "$W/state"
build = false
TOML
# Of the same farm ten that are well kept, for passes that last a second: so few that lists name all of them, in any
# turn.
mkdir "$W/well-kept"
cp -R "$F/lists/world" "$F/lists/farm.toml" "$W/well-kept/"
WELL_KEPT=($(awk '$2 ~ /^(good|https|partial)$/ { print $1 }' "$F/mirrors.tsv" | tail -n 10))
awk -v RS= -v ORS='\n\n' -v names="${WELL_KEPT[*]}" '
  BEGIN { split(names, wanted, " "); for (at in wanted) is_wanted["\"" wanted[at] "\""] = 1 }
  { split($0, words, /[ \n]+/); for (at in words) if (words[at] in is_wanted) { print; break } }' \
  "$F/lists/mirrors.toml" >"$W/well-kept/mirrors.toml"
GOOD=($(awk '$2 == "good" { print $1 }' "$F/mirrors.tsv"))
one=${GOOD[-1]}

crawl_with() { # LISTS OPTION...: one pass; its exit code
  local lists=$1
  shift
  "$MIRRORLISTD_BIN" crawl --config "$W/config.toml" --lists "$lists" --state "$W/state" "${INTERNAL[@]}" "$@" \
    >>"$W/crawl.out" 2>>"$W/crawl.log"
}
# crawl EXIT-CODE LISTS OPTION...
crawl() {
  local want=$1 code=0
  shift
  crawl_with "$@" || code=$?
  [ "$code" = "$want" ] || fail "crawl ended with $code, not $want"
}

# The state's findings, as mirror, repo, family, protocol, finding, standing. The one place that knows the JSON's form.
findings() {
  local mirror
  "$MIRRORLISTD_BIN" mirrors --state "$W/state" --format json | jq -r '.mirrors[].name' >"$W/mirror-names"
  while read -r mirror; do
    "$MIRRORLISTD_BIN" mirrors "$mirror" --state "$W/state" --format json
  done <"$W/mirror-names" |
    jq -r '.name as $mirror | .repos[] | "\(.release)/\(.arch)/\(.repo)" as $repo | .verdicts[] |
      [$mirror, $repo, .family, .protocol, .finding, .standing] | @tsv'
}
# expect_findings COLUMN: each mirror's findings are those in that column of expected.tsv; one that is left out must be
# one that may be, and every mirror has been looked at over each family and protocol.
expect_findings() {
  findings >"$W/findings"
  [ -s "$W/findings" ] || fail "no findings"
  awk -F'\t' -v column="$1" '
    NR == FNR { found[$1, $2, $3, $4] = $5; next }
    {
      want = $column; key = $1 SUBSEP $3 SUBSEP $4 SUBSEP $5; door = $1 " over " $4 " by " $5
      doors[door] = doors[door]; got = found[key]
      if (got != "" && got != "discarded") doors[door] = 1
      if (got == "" ? want !~ /discarded/ : index("|" want "|", "|" got "|") == 0) {
        printf "%s, %s: found %s, not %s\n", door, $3, got == "" ? "nothing" : got, want; wrong = 1
      }
    }
    END {
      for (door in doors) if (!doors[door]) { print door ": never looked at"; wrong = 1 }
      exit wrong
    }' "$W/findings" "$F/expected.tsv" || fail "findings are wrong"
}

hosts() { # BASE REPO COUNTRY: host names of the list, sorted
  curl -sS -g -m 5 "$1/?release=9&arch=x86_64&repo=$2&cc=$3" | sed -n 's|^https\{0,1\}://\([^/]*\)/.*|\1|p' | sort
}
lists() { # all lists there are, as one text
  local base repo country
  for base in "$V4" "$V6"; do
    for repo in os extras; do
      for country in de fr us jp br au zz; do
        echo "$base $repo $country $(hosts "$base" "$repo" "$country" | paste -sd,)"
      done
    done
  done
}
# Whether lists are those in lists-good; else what has changed is in `changes`.
same_lists() { lists | diff "$W/lists-good" - >"$W/changes"; }
reload() {
  local before after
  before=$(metric 'reloads.*result="(done|failed)"')
  kill -HUP "$SERVER"
  for _ in $(seq 100); do
    after=$(metric 'reloads.*result="(done|failed)"')
    [ "$after" = "$before" ] || return 0
    sleep 0.1
  done
  fail "no reload after HUP"
}

# --- a first pass: there is no older generation to be behind of
crawl 0 "$F/lists"
expect_findings 6
tally=$(cut -f5 "$W/findings" | sort | uniq -c | sort -rn | awk '{ printf "%s%s %s", sep, $1, $2; sep = ", " }')
ok "the first pass finds every mirror as it is: $tally"
grep '"mirrorlistd' "$F/access.log" >"$W/requests" || fail "the crawler does not say who it is"
! grep -vE '"(GET|HEAD) ' "$W/requests" || fail "the crawler sent something else than GET and HEAD"

# --- the master moves on
"$FARM" publish "$F" 2
crawl 0 "$F/lists"
expect_findings 7
ok "with a new generation, the stale are behind and the ones ahead are the same"
[ "$(grep -c '^trapped' "$F/trapped.log" || true)" = "$before_traps" ] || fail "the crawler went to an internal address"
ok "no internal address was connected to"

# --- people
"$MIRRORLISTD_BIN" mirrors "${GOOD[0]}" --state "$W/state" --format text >"$W/mirror.txt"
grep -q same "$W/mirror.txt" || fail "mirrors ${GOOD[0]} does not say same: $(cat "$W/mirror.txt")"
reset=$(awk '$2 == "reset" { print $1 }' "$F/mirrors.tsv")
"$MIRRORLISTD_BIN" mirrors "$reset" --state "$W/state" --format text >"$W/mirror.txt"
grep -q reset "$W/mirror.txt" || fail "mirrors $reset does not tell why: $(cat "$W/mirror.txt")"
"$MIRRORLISTD_BIN" mirrors "$reset" --state "$W/state" --format json | jq -e . >/dev/null || fail "no JSON for $reset"
"$MIRRORLISTD_BIN" plan --dry-run --state "$W/state" --lists "$F/lists" >"$W/plan.out" || fail "plan --dry-run"
"$MIRRORLISTD_BIN" export tree --state "$W/state" --out "$W/tree" >"$W/export.out" || fail "export tree"
for family in ipv4 ipv6; do
  find "$W/tree/$family" -path '*os*' -name mirrorlist.de | grep -q . ||
    fail "no list of $family for de in the exported tree"
done
ok "mirrors, plan --dry-run and export tree tell what is known"

# --- images
"$MIRRORLISTD_BIN" snapshot info "$W/state/snapshot" | grep -q '^images *2 in 1 folders$' ||
  fail "not two images in one folder: $("$MIRRORLISTD_BIN" snapshot info "$W/state/snapshot")"
"$MIRRORLISTD_BIN" snapshot dump "$W/state/snapshot" | grep ^farm/9.1/isos/ >"$W/images"
dvd_sum=$(cd "$F/www/now/full/9.1/isos/x86_64" && sha256sum farm-9.1-dvd.iso | cut -d' ' -f1)
grep -qx "farm/9.1/isos/x86_64/farm-9.1-dvd.iso = 100000 bytes, of 1767323045, sha256 $dvd_sum" "$W/images" ||
  fail "the image is not as the master has it: $(grep = "$W/images")"
awk '$2 ~ /partial/ { print $1 }' "$F/mirrors.tsv" >"$W/partial"
[ -s "$W/partial" ] || fail "the farm has no partial mirror"
# The list of every place goes on through all mirrors; a dump has the first ten. So lists of all of them are exported.
"$MIRRORLISTD_BIN" export tree --state "$W/state" --out "$W/tree" --lines-max 64 >"$W/export.out" || fail "export tree"
isos=$W/tree/ipv4/farm/9/isos/x86_64
for file in iso farm-9.1-boot.iso farm-9.1-dvd.iso; do
  [ -s "$isos/$file.fallback" ] || fail "no list of $file in the exported tree"
  grep -qF "//${GOOD[0]}/9.1/isos/x86_64/${file#iso}" "$isos/$file.fallback" ||
    fail "${GOOD[0]} is not listed for $file"
done
for file in iso farm-9.1-dvd.iso; do
  ! grep -Ff "$W/partial" "$isos/$file.fallback" || fail "a partial mirror is listed for $file"
done
grep -qFf "$W/partial" "$isos/farm-9.1-boot.iso.fallback" || fail "no partial mirror is listed for what it has"
"$MIRRORLISTD_BIN" mirrors "$(head -n 1 "$W/partial")" --state "$W/state" --format text >"$W/mirror.txt"
grep -A 3 '^9.1/x86_64/farm/isos/farm-9.1-dvd.iso$' "$W/mirror.txt" | grep -q missing ||
  fail "mirrors does not tell that an image is missing: $(cat "$W/mirror.txt")"
ok "images are listed with their size, date and digest, for mirrors that have them alone"

# --- what is served
start_server "$W/config.toml"
# One mirror's URL has an address in place of a name.
awk -F'\t' '
  NR == FNR { host[$1] = $2 == "literal" ? $3 : $1; next }
  $7 == "same" { print host[$1], $3, $4 }' "$F/mirrors.tsv" "$F/expected.tsv" | sort -u >"$W/may-be-listed"
for base in "$V4" "$V6"; do
  family=ipv4
  [ "$base" = "$V4" ] || family=ipv6
  for repo in os extras; do
    for country in de fr us jp br au; do
      hosts "$base" "$repo" "$country" >"$W/hosts"
      [ "$(wc -l <"$W/hosts")" -ge 6 ] || fail "$base $repo $country: $(wc -l <"$W/hosts") mirrors"
      [ -z "$(uniq -d "$W/hosts")" ] || fail "$base $repo $country names a mirror twice"
      while read -r host; do
        grep -qx "$host 9.1/x86_64/$repo $family" "$W/may-be-listed" || fail "$base $repo $country names $host"
      done <"$W/hosts"
    done
  done
done
ok "served lists name good mirrors alone, each family and repo its own"

as_root=()
[ "$(id -u)" = 0 ] || as_root=(unshare --map-root-user)
for family in 4 6; do
  base=$V4
  [ "$family" = 4 ] || base=$V6
  D=$W/dnf-$family logged=$(wc -l <"$F/access.log")
  mkdir -p "$D/repos.d" "$D/got"
  cat >"$D/repos.d/farm.repo" <<REPO
[farm]
name=farm
mirrorlist=$base/?release=\$releasever&arch=\$basearch&repo=os&cc=de
gpgcheck=0
enabled=1
skip_if_unavailable=0
ip_resolve=$family
REPO
  timeout 120 ${as_root[@]+"${as_root[@]}"} dnf -y -q --installroot="$D/root" --releasever=9 --forcearch=x86_64 \
    --setopt=reposdir="$D/repos.d" --setopt=cachedir="$D/cache" --setopt=persistdir="$D/persist" \
    --setopt=logdir="$D" install --downloadonly --destdir="$D/got" farm-hello >>"$W/dnf.log" 2>&1 ||
    fail "dnf over IPv$family"
  cmp -s "$D/got/farm-hello-2-1.noarch.rpm" "$F/www/2/full/9.1/os/x86_64/farm-hello-2-1.noarch.rpm" ||
    fail "dnf over IPv$family got something else"
  # Not every mirror keeps a log, but none may have one of dnf's by the other family.
  sed "1,${logged}d" "$F/access.log" | grep libdnf | cut -d' ' -f1 >"$W/addresses" || true
  case $family in 4) other=: ;; 6) other='^[0-9.]*$' ;; esac
  ! grep "$other" "$W/addresses" || fail "dnf over IPv$family was led to the other family"
  ok "dnf installs from the served list over IPv$family"
done

# --- the master breaks: nothing changes
crawl 0 "$W/well-kept"
reload
lists >"$W/lists-good"
[ "$(grep -cF "$one" "$W/lists-good")" = "$(wc -l <"$W/lists-good")" ] || fail "not every list names $one"
for fault in down page gone; do
  "$FARM" break "$F" "$fault" master.farm.example
  crawl_with "$W/well-kept" || true
  reload
  same_lists || fail "a master that is \`$fault\` changed lists: $(cat "$W/changes")"
  "$FARM" mend "$F" master.farm.example
done
ok "lists stay as they are when the master answers 503, a page, or 404"

# --- half the farm breaks: refused, unless forced
broken=("${WELL_KEPT[@]:0:6}")
"$FARM" break "$F" gone "${broken[@]}"
crawl 3 "$W/well-kept"
reload
same_lists || fail "lists changed when the publication was refused: $(cat "$W/changes")"
ok "with ${#broken[@]} of ${#WELL_KEPT[@]} mirrors gone the publication is refused, and the old lists are served"
crawl 0 "$W/well-kept" --force
"$FARM" mend "$F" "${broken[@]}"
crawl 0 "$W/well-kept"
reload
same_lists || fail "lists did not come back: $(cat "$W/changes")"
ok "--force overrides, and mirrors that are mended are listed again"

# --- one mirror goes and comes back
"$FARM" break "$F" down "$one"
crawl 0 "$W/well-kept"
reload
lists >"$W/lists-without"
! grep -F "$one" "$W/lists-without" || fail "$one is listed a pass after it went"
"$FARM" mend "$F" "$one"
crawl 0 "$W/well-kept"
reload
same_lists || fail "$one is not listed as before"
ok "a mirror that fails leaves the lists after one pass and is back after another"

# --- a second crawler
start first "$MIRRORLISTD_BIN" crawl --config "$W/config.toml" --lists "$F/lists" --state "$W/state" "${INTERNAL[@]}"
first=$STARTED
sleep 1
kill -0 "$first" || fail "the first crawler ended too soon to be in the way"
began=$SECONDS code=0
crawl_with "$W/well-kept" || code=$?
[ "$code" = 3 ] && [ $((SECONDS - began)) -le 3 ] || fail "a second crawler was not refused at once ($code)"
wait "$first" || fail "the first crawler ended with $?"
ok "a second crawler is refused by the lock ($code), the first goes on"

# --- SIGKILL during the pass and during publication
crawl 0 "$W/well-kept"
# The longer kind of pass is timed: the one that finds a mirror broken.
"$FARM" break "$F" down "$one"
began=${EPOCHREALTIME/./}
crawl 0 "$W/well-kept"
pass_ms=$(((${EPOCHREALTIME/./} - began) / 1000))
"$FARM" mend "$F" "$one"
crawl 0 "$W/well-kept"
reload
lists >"$W/lists-good"
old=0 new=0
for i in $(seq "$KILLS"); do
  if [ $((i % 2)) = 1 ]; then "$FARM" break "$F" down "$one"; else "$FARM" mend "$F" "$one"; fi
  # Half of them from the last fifth on, where verdicts are kept and lists published, and some when all is done.
  from=0 to=$pass_ms
  [ $((i % 4)) -lt 2 ] || from=$((pass_ms * 4 / 5)) to=$((pass_ms * 3))
  wait_ms=$((from + RANDOM % (to - from + 1)))
  start killed "$MIRRORLISTD_BIN" crawl --config "$W/config.toml" --lists "$W/well-kept" --state "$W/state" \
    "${INTERNAL[@]}"
  sleep "$((wait_ms / 1000)).$(printf %03d $((wait_ms % 1000)))"
  kill -KILL "$STARTED" 2>/dev/null || true
  wait "$STARTED" 2>/dev/null || true
  "$MIRRORLISTD_BIN" snapshot check "$W/state/snapshot" >"$W/snapshot-check.out" 2>&1 ||
    fail "the snapshot is damaged after kill $i"
  "$MIRRORLISTD_BIN" mirrors "$one" --state "$W/state" --format json | jq -e '.repos | length > 0' >/dev/null ||
    fail "the state cannot be read after kill $i"
  reload
  lists >"$W/lists-now"
  if cmp -s "$W/lists-now" "$W/lists-good"; then
    old=$((old + 1))
  elif cmp -s "$W/lists-now" "$W/lists-without"; then
    new=$((new + 1))
  else
    diff "$W/lists-good" "$W/lists-now" || true
    fail "after kill $i at $wait_ms ms, lists are neither old nor new"
  fi
done
[ "$old" -gt 0 ] && [ "$new" -gt 0 ] || fail "kills came only before, or only after publication: $old and $new"
[ "$(metric 'reloads.*result="failed"')" = 0 ] || fail "a reload failed after a kill"
[ "$(sqlite3 "$W/state/verdicts.sqlite" 'PRAGMA integrity_check')" = ok ] || fail "the verdicts are damaged"
"$FARM" mend "$F" "$one"
crawl 0 "$W/well-kept"
reload
same_lists || fail "after $KILLS kills a pass does not set things right: $(cat "$W/changes")"
ok "$KILLS kills in passes of $pass_ms ms: lists with the mirror $old times, without it $new times, state sound"
stop "$SERVER"

# --- crawling in the server's own process
cat >"$W/config-both.toml" <<TOML
listen = ["127.0.0.1:0", "[::1]:0"]
workers = 1
lists = "$W/well-kept"
state = "$W/state"
build = false

[crawl]
enabled = true
interval_seconds = 1
internal = [$(sed 's/.*/"&"/' "$F/internal" | paste -sd,)]
TOML
start_server "$W/config-both.toml"
listed() { hosts "$V4" os de >"$W/hosts" && grep -qx "$one" "$W/hosts"; }
unlisted() { hosts "$V4" os de >"$W/hosts" && [ -s "$W/hosts" ] && ! grep -qx "$one" "$W/hosts"; }
until_true 30 listed || fail "$one is not listed by the server that crawls"
"$FARM" break "$F" down "$one"
until_true 30 unlisted || fail "$one is still listed 30 s after it went"
"$FARM" mend "$F" "$one"
until_true 30 listed || fail "$one is not listed 30 s after it came back"
ok "a server that crawls takes mirrors out and in by itself"
stop "$SERVER"
[ "$(grep -c '^trapped' "$F/trapped.log" || true)" = "$before_traps" ] || fail "the crawler went to an internal address"
ok "PASS ${0##*/}"
