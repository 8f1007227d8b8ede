#!/usr/bin/env bash
# Installs XeLaTeX with what the book on paper needs (fonts with Korean among it), on Debian and Ubuntu.
set -euo pipefail
if ! command -v apt-get > /dev/null; then
  echo "install XeLaTeX (TeX Live with LaTeX extra, Korean), latexmk, and the fonts FreeFont and Nanum" >&2
  exit 1
fi
root=()
if [ "$(id -u)" -ne 0 ]; then
  root=(sudo)
fi
"${root[@]}" apt-get update -q
"${root[@]}" apt-get install -y -q --no-install-recommends \
  latexmk texlive-xetex texlive-latex-recommended texlive-latex-extra texlive-fonts-recommended \
  texlive-lang-korean tex-gyre fonts-freefont-otf fonts-nanum
xelatex --version | head -n 1
