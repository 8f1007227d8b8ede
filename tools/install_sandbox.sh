#!/usr/bin/env bash
# Installs bubblewrap, of which the sandbox for students' code is made, on Debian and Ubuntu.
set -euo pipefail
if command -v bwrap > /dev/null; then
  echo "bubblewrap is there: $(bwrap --version)"
  exit
fi
if ! command -v apt-get > /dev/null; then
  echo "install the package bubblewrap with the package manager of this system" >&2
  exit 1
fi
root=()
if [ "$(id -u)" -ne 0 ]; then
  root=(sudo)
fi
"${root[@]}" apt-get update -q
"${root[@]}" apt-get install -y -q --no-install-recommends bubblewrap
bwrap --version
