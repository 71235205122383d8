#!/bin/sh
# venv.sh DIR REQUIREMENTS: a Python environment with the foreign readers.
#
# Debian keeps the part of Python that makes environments in a package of its
# own. Where it is missing it is installed, if that can be done without asking.
set -eu
dir=$1 requirements=$2

if ! command -v python3 >/dev/null; then
    echo "The foreign readers need Python: install python3 and python3-venv." >&2
    exit 1
fi
if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    if [ "$(id -u)" = 0 ]; then as_root=; else as_root="sudo -n"; fi
    echo "python3-venv is missing: installing it"
    if ! { $as_root apt-get update && $as_root apt-get install -y python3-venv; } </dev/null; then
        echo "Install the package python3-venv (as root: apt-get install python3-venv), then try again." >&2
        exit 1
    fi
fi

echo "Installing the foreign readers of $requirements into $dir"
rm -rf "$dir"
python3 -m venv "$dir"
"$dir/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements"
