#!/bin/sh
# Makes a virtual environment in the folder given and installs the pinned requirements: with the Python that PYTHON
# names, else with the newest of 3.13, 3.12 and 3.11 that really runs (a shim on PATH may exist for a version that is
# not installed).
set -eu
folder=$1

fail() {
    echo "make setup: $1" >&2
    exit 1
}

version() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true; }

fits() { case "$1" in 3.11 | 3.12 | 3.13) true ;; *) false ;; esac; }

makes_environments() { "$1" -c 'import venv, ensurepip' 2>/dev/null; }

without_venv() { fail "$1 cannot make virtual environments; on Debian and Ubuntu: apt install python3-venv python$2-venv"; }

set_up() {
    mkdir -p "$folder" 2>/dev/null || fail "$folder cannot be made; work in a folder that you may write to"
    echo "Setting up $folder with $("$1" --version), which takes about a minute the first time:"
    "$1" -m venv "$folder" || fail "$folder cannot be made; remove it, and make room for it"
    exec "$folder/bin/python" tools/install.py requirements-dev.txt
}

if [ -n "${PYTHON:-}" ]; then
    found=$(version "$PYTHON")
    [ -n "$found" ] || fail "PYTHON=$PYTHON does not run; name a Python 3.11, 3.12 or 3.13, or leave PYTHON out"
    fits "$found" || fail "PYTHON=$PYTHON is Python $found; name a Python 3.11, 3.12 or 3.13, or leave PYTHON out"
    makes_environments "$PYTHON" || without_venv "PYTHON=$PYTHON" "$found"
    set_up "$PYTHON"
fi

incomplete=
for name in 3.13 3.12 3.11 3; do
    for candidate in "python$name" "$HOME"/.pyenv/versions/"$name"*/bin/"python$name"; do
        found=$(version "$candidate")
        fits "$found" || continue
        if makes_environments "$candidate"; then set_up "$candidate"; fi
        incomplete=${incomplete:-$candidate}
    done
done
[ -z "$incomplete" ] || without_venv "$incomplete" "$(version "$incomplete")"
fail "no Python 3.11, 3.12 or 3.13 found; install one, or name it: make setup PYTHON=/path/to/python3.13"
