#!/bin/sh
# Installs what package-lock.json pins in the folder given: for the project itself, the emulator of Table Storage.
set -eu
folder=$1

fail() {
    echo "make setup: $1" >&2
    exit 1
}

version=$(node --version 2>/dev/null || true)
[ -n "$version" ] || fail "Node.js is missing; install Node.js 20 or newer, which runs the emulator of Table Storage"
major=${version#v}
[ "${major%%.*}" -ge 20 ] || fail "Node.js $version is too old for the emulator of Table Storage; install 20 or newer"
echo "Setting up $folder/node_modules with Node.js $version, which takes about a minute the first time:"
# Warnings would fill a page: some packages ask for a newer Node.js than they need, and others call parts outdated.
npm ci --no-audit --no-fund --loglevel=error --prefix "$folder"
