#!/bin/sh
# Makes a virtual environment in the folder given, with the newest Python of 3.13, 3.12 and 3.11 that really runs
# (a shim on PATH may exist for a version that is not installed), and installs the pinned requirements.
set -eu
folder=$1

works() { "$1" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; }

candidates=${PYTHON:-}
for version in 3.13 3.12 3.11; do
    candidates="$candidates python$version"
    for path in "$HOME"/.pyenv/versions/$version*/bin/python$version; do
        [ -x "$path" ] && candidates="$candidates $path"
    done
done
for candidate in $candidates python3; do
    if works "$candidate"; then
        echo "Setting up $folder with $("$candidate" --version)"
        "$candidate" -m venv "$folder"
        exec "$folder/bin/python" -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
    fi
done
echo "No Python 3.11, 3.12 or 3.13 found. Install one, or name it: make setup PYTHON=/path/to/python3.13" >&2
exit 1
