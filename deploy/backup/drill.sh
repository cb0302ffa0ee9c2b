#!/bin/sh
# The drill: days are made, everything but the archive is destroyed, and all is restored: from a dump, and from the archive
# alone. drill.sh [DAYS]. It needs the project's environment (.venv, or PYTHON) and touches no service but its own: servers
# on this machine, in a folder of its own. Prints what it measured as one line of JSON, and exits with 1 if anything differs.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
exec "${PYTHON:-$here/../../.venv/bin/python}" "$here/../test/drill.py" "$@"
