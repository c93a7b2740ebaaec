#!/usr/bin/env bash
# Chromium looks at every kind of page, wide and narrow, light and dark: nothing to complain of, nothing to scroll
# sideways, enough contrast, links that lead somewhere, and three clicks to a download.
# Needs: chromium chromium-driver nginx-light curl jq.
. "$(dirname "$0")/stage.bash"
. "$(dirname "$0")/ember.bash"
cat >>"$W/config.toml" <<'TOML'
[pages]
title = "Ember Linux"
footer = "Ember Linux is made by volunteers."
links = [{ text = "Health", url = "/healthz" }]
TOML
start_server "$W/config.toml"

# --- the browser, by the WebDriver protocol
DRIVER_PORT=$(pick_port)
start chromedriver chromedriver --port="$DRIVER_PORT"
DRIVER=http://127.0.0.1:$DRIVER_PORT
until_true 30 curl -sSf "$DRIVER/status" || fail "chromedriver does not start"
mkdir "$W/profile"
CREATED=$(jq -n --arg profile "$W/profile" '{capabilities: {alwaysMatch: {browserName: "chrome",
  "goog:loggingPrefs": {browser: "ALL"}, "goog:chromeOptions": {args: ["--headless", "--no-sandbox", "--disable-gpu",
  "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
  "--disable-sync", "--disable-dev-shm-usage", "--user-data-dir=\($profile)"]}}}}' |
  curl -sS -m 60 "$DRIVER/session" -d @-)
SESSION=$(jq -r .value.sessionId <<<"$CREATED") BROWSER=$(jq -r '.value.capabilities["goog:processID"]' <<<"$CREATED")
[ "$SESSION" != null ] || fail "no browser: $CREATED"
PIDS+=("$BROWSER")
# The browser writes into its profile until it has ended.
clean_up() { until_true 20 test ! -e "/proc/$BROWSER" || kill -9 "$BROWSER" || true; }

driver() { # PATH JSON: the value of the answer
  curl -sS -m 60 "$DRIVER/session/$SESSION/$1" -d "$2" >"$W/driver.json"
  ! jq -e '.value | type == "object" and has("error")' "$W/driver.json" >/dev/null ||
    fail "chromedriver: $(jq -c '.value | [.error, .message]' "$W/driver.json" | cut -c1-500)"
  jq -c .value "$W/driver.json"
}
run() { driver execute/sync "$(jq -n --arg script "$1" '{script: $script, args: []}')"; }
open_page() { driver url "$(jq -n --arg url "$V4$1" '{url: $url}')" >/dev/null; }
emulate() { # COMMAND PARAMETERS
  driver goog/cdp/execute "$(jq -n --arg cmd "$1" --argjson params "$2" '{cmd: $cmd, params: $params}')" >/dev/null
}
look() { # WIDTH SCHEME
  emulate Emulation.setDeviceMetricsOverride "{\"width\":$1,\"height\":800,\"deviceScaleFactor\":1,\"mobile\":false}"
  emulate Emulation.setEmulatedMedia "{\"features\":[{\"name\":\"prefers-color-scheme\",\"value\":\"$2\"}]}"
}

# What is wrong with a page, and its ground. Contrast is that of WCAG 2.2, 1.4.3: each text with what is behind it.
read -r -d '' EXAMINE <<'JS' || true
const numbers = color => color.match(/[\d.]+/g).map(Number);
const luminance = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 :
  ((v + 0.055) / 1.055) ** 2.4).reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
const behind = element => {
  for (; element; element = element.parentElement) {
    const color = numbers(getComputedStyle(element).backgroundColor);
    if (color.length < 4 || color[3] > 0) return color;
  }
  return [255, 255, 255];
};
const wrong = [];
const count = name => document.querySelectorAll(name).length;
if (document.documentElement.scrollWidth > innerWidth)
  wrong.push(`scrolls sideways, ${document.documentElement.scrollWidth} over ${innerWidth}`);
for (const name of ["h1", "header", "main", "footer"]) if (count(name) != 1) wrong.push(`${count(name)} of ${name}`);
for (const image of document.images) if (!image.naturalWidth) wrong.push(`no picture at ${image.src}`);
for (const element of document.body.querySelectorAll("*")) {
  if (![...element.childNodes].some(node => node.nodeType == 3 && node.data.trim())) continue;
  const pair = [luminance(numbers(getComputedStyle(element).color)), luminance(behind(element))];
  const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
  if (ratio < 4.5) wrong.push(`contrast ${ratio.toFixed(2)}: ${element.outerHTML.slice(0, 80)}`);
}
return {wrong, ground: getComputedStyle(document.body).backgroundColor};
JS

# --- every kind of page, in every look
FOLDER=/ember/9.8/isos/x86_64/
PAGES=(/ /ember/ "$FOLDER?cc=de&debug=1" "$FOLDER$NAME?cc=de" "$FOLDER$NAME?cc=de&all=1"
  "/a-path-that-leads-nowhere/$(printf 'x%.0s' {1..150})")
declare -A ground=()
for width in 1280 360; do
  for scheme in light dark; do
    look "$width" "$scheme"
    for path in "${PAGES[@]}"; do
      open_page "$path"
      found=$(run "$EXAMINE")
      [ "$(jq -c .wrong <<<"$found")" = '[]' ] || fail "$path at $width in $scheme: $(jq -c .wrong <<<"$found")"
      ground[$scheme]+=$(jq -r .ground <<<"$found")
    done
    # A page that is not there is told of in the browser's own words; nothing else may be.
    errors=$(driver se/log '{"type": "browser"}' | jq -c '[.[] | select(.message | test("status of 404") | not)]')
    [ "$errors" = '[]' ] || fail "at $width in $scheme: the console says $errors"
  done
done
[ "${ground[light]}" != "${ground[dark]}" ] || fail "pages look the same in light and dark: ${ground[light]}"
ok "${#PAGES[@]} pages at 1280 and 360 pixels, light and dark: no complaint, nothing sideways, contrast is enough"

# --- links lead to something, of ours or of a mirror
for path in "${PAGES[@]}"; do
  open_page "$path"
  run 'return [...document.querySelectorAll("a[href], img[src]")].map(one => one.href || one.src)' | jq -r '.[]'
done | sort -u >"$W/links"
[ "$(wc -l <"$W/links")" -ge 12 ] || fail "pages have too few links: $(cat "$W/links")"
while read -r url; do
  code=$(curl -sS -m 20 -o "$W/body" -w '%{http_code}' -A Mozilla -H 'Accept: text/html' -I "${url%#*}")
  case $url in
    *a-path-that-leads-nowhere*) [ "$code" = 404 ] || fail "$url: $code" ;;
    *) [ "$code" = 200 ] || fail "$url: $code" ;;
  esac
done <"$W/links"
ok "all $(wc -l <"$W/links") links of these pages lead to a page or to a file of a mirror"

# --- a person with a keyboard, and one with a mouse
look 1280 light
open_page /
driver actions '{"actions": [{"type": "key", "id": "keys", "actions": [{"type": "keyDown", "value": "\uE004"},
  {"type": "keyUp", "value": "\uE004"}]}]}' >/dev/null
is_skip='const one = document.activeElement; return one.className == "skip" && one.getBoundingClientRect().left >= 0'
[ "$(run "$is_skip")" = true ] || fail "the first stop of the keyboard is not the link to the content"
[ "$(run 'return getComputedStyle(document.activeElement).outlineStyle')" = '"solid"' ] || fail "focus cannot be seen"
ok "the keyboard's first stop leads to the content, and can be seen"
at_path() { [ "$(run 'return location.pathname')" = "\"$1\"" ]; }
run 'document.querySelector(".arches a").click()' >/dev/null
until_true 20 at_path "$FOLDER" || fail "the first click leads to $(run 'return location.href')"
run 'document.querySelector(".files a").click()' >/dev/null
until_true 20 at_path "$FOLDER$NAME" || fail "the second click leads to $(run 'return location.href')"
third=$(run 'return document.querySelector(".button").href' | jq -r .)
[ "$(curl -sS -m 60 "$third" | sha256sum)" = "$SUM  -" ] || fail "the third click leads to $third"
ok "three clicks from the front page to the right file"
