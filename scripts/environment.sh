#!/bin/sh
# Make sure that .venv is complete for a level: run, demo or develop (each contains the one before it).
# Finds a fitting Python and leaves the work to environment.py. PYTHON=/path/to/python chooses one.
set -u
cd "$(dirname "$0")/.." || exit 1
level=${1:?usage: environment.sh run|demo|develop}

fits() {
    # It must really run (version managers put shims on the PATH that do not) and be able to make an environment.
    "$1" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' >/dev/null 2>&1
}

if [ -f .venv/complete ] && ! fits .venv/bin/python; then
    rm -f .venv/complete # Its Python is gone or broken: to be made anew.
fi
if [ -z "${PYTHON:-}" ] && [ -f .venv/complete ]; then
    # Keeps to the Python that .venv was made with; environment.py sees whether the rest still holds.
    exec .venv/bin/python scripts/environment.py "$level"
fi
if [ -n "${PYTHON:-}" ]; then
    if fits "$PYTHON"; then
        exec "$PYTHON" scripts/environment.py "$level"
    fi
    echo "PYTHON=$PYTHON does not fit: it must run, be 3.11, 3.12 or 3.13, and have the venv and ensurepip modules." >&2
    exit 1
fi
IFS=:
for name in python3.13 python3.12 python3.11 python3; do
    for folder in $PATH; do
        python=${folder:-.}/$name
        if [ -x "$python" ] && fits "$python"; then
            unset IFS
            exec "$python" scripts/environment.py "$level"
        fi
    done
done
cat >&2 <<'END'
No fitting Python was found on the PATH: python3.13, python3.12, python3.11 or python3, of version 3.11 to 3.13,
with the venv and ensurepip modules. To install one:
    Debian, Ubuntu:  apt-get install python3 python3-venv
    Fedora:          dnf install python3.13
    macOS:           brew install python@3.13
or name one: make PYTHON=/path/to/python3.12 ...
END
exit 1
