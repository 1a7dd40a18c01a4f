#!/bin/sh
# Installs the browser in which the tests look at the console, where that needs no question: on Debian, as root. Else it
# says what is missing, and those tests are skipped.
set -eu
for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null 2>&1; then exit 0; fi
done

without() {
    echo "  no browser: $1; until then the tests of the console in a browser are skipped"
    exit 0
}

command -v apt-get >/dev/null 2>&1 || without "install Chromium"
[ "$(id -u)" = 0 ] || without "apt-get install chromium"
log=$(mktemp)
echo "  the browser chromium, for the tests of the console"
export DEBIAN_FRONTEND=noninteractive
if timeout 600 sh -c 'apt-get update && apt-get install -y --no-install-recommends chromium' >"$log" 2>&1; then
    rm -f "$log"
else
    without "apt-get could not install chromium ($(tail -n 1 "$log"))"
fi
