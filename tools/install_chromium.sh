#!/usr/bin/env bash
# Installs Chromium, which the tests of pages in a browser drive, on Debian and Ubuntu.
set -euo pipefail
for program in chromium chromium-browser google-chrome; do
  if command -v "$program" > /dev/null; then
    echo "$program is there: $("$program" --version 2> /dev/null)"
    exit
  fi
done
if ! command -v apt-get > /dev/null; then
  echo "install the package chromium with the package manager of this system" >&2
  exit 1
fi
root=()
if [ "$(id -u)" -ne 0 ]; then
  root=(sudo)
fi
"${root[@]}" apt-get update -q
# Ubuntu calls it otherwise, and takes it from the snap store
package=chromium
if ! apt-get install -s -q chromium > /dev/null 2>&1; then
  package=chromium-browser
fi
"${root[@]}" apt-get install -y -q --no-install-recommends "$package"
"$package" --version
