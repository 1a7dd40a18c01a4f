#!/bin/sh
# Serves the function app with the Functions host of Azure Functions Core Tools, and with emulated storage beside it.
# local.settings.json is made of the sample, unless there is one. Both end with Ctrl-C.
set -eu

fail() {
    echo "make func: $1" >&2
    exit 1
}

command -v func > /dev/null 2>&1 ||
    fail "Azure Functions Core Tools 4 are missing; install them: npm install --global azure-functions-core-tools@4"
[ -x node_modules/.bin/azurite ] || fail "the emulator of storage is missing; run make setup, which needs Node.js 20 or newer"

[ -f local.settings.json ] || {
    cp local.settings.sample.json local.settings.json
    echo "Made local.settings.json of the sample; its SCIM_TOKEN is what clients send"
}

node_modules/.bin/azurite --inMemoryPersistence --disableTelemetry --silent \
    --blobHost 127.0.0.1 --queueHost 127.0.0.1 --tableHost 127.0.0.1 &
emulator=$!
trap 'kill "$emulator" 2> /dev/null; wait "$emulator" 2> /dev/null || true' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# The worker takes the Python of the environment that is active.
PATH="${1:-.venv}/bin:$PATH" func start
