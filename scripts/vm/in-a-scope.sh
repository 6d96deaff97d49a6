#!/usr/bin/env bash
# Runs the gateway in a scope of its own, whose subtree of control groups systemd hands over to it:
# doorward drill --gateway scripts/vm/in-a-scope.sh, as root. DOORWARD is the program.
exec systemd-run --quiet --scope --property=Delegate=yes "${DOORWARD:-/usr/bin/doorward}" "$@"
