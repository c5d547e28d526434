#!/usr/bin/env bash
# Writes requirements/: the exact versions, with hashes, that make, the Dockerfile and CI install.
#
#   scripts/lock.sh                            keeps what still fits pyproject.toml, adds and removes
#   scripts/lock.sh --upgrade                  the newest that pyproject.toml admits
#   scripts/lock.sh --upgrade-package NAME     the newest of one package
#
# One resolution serves Python 3.11 and newer on every platform. A file holds what those that are installed before it
# lack: serve, then cpu or gpu, then dev, then bench; build stands by itself, for whatever builds this package.
# PYTHON names an interpreter with pip 25.1 or newer.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python=${PYTHON:-.venv/bin/python}
tools=build/lock-tools
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

compile() {
  "$tools/bin/uv" pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 \
    --generate-hashes --no-annotate --no-header "$@" >/dev/null
}

# Names of packages in files, as options that leave them out.
without() { sed -nE 's/^([a-z0-9-]+)==.*/--no-emit-package=\1/p' "$@"; }

publish() { { echo "# Written by 'make lock'."; cat; } >"requirements/$1.txt"; }

# $1: name of a file; files that are installed before it, up to --; then options of compile.
slice() {
  local name=$1 before=()
  shift
  while [ "$1" != -- ]; do before+=("requirements/$1.txt"); shift; done
  shift
  # shellcheck disable=SC2046  # each option is a word
  compile "$@" --constraints "$work/all" --no-emit-package=torch --output-file "$work/$name" \
    $(without /dev/null "${before[@]}")
  publish "$name" <"$work/$name"
}

"$python" -m venv --without-pip "$tools"
"$python" -m pip --python "$tools/bin/python" install --quiet --group lock

# Versions that an output file holds already are kept where they still fit. The GPU's packages are in no resolution
# with the others, so that an older ONNX Runtime there holds none of them back.
mkdir -p requirements
touch requirements/{build,serve,cpu,dev,bench,gpu}.txt
cat requirements/{build,serve,cpu,dev,bench}.txt >"$work/all"
cp requirements/gpu.txt "$work/gpu"

compile pyproject.toml --group build --extra dev --extra bench "$@" --output-file "$work/all"
sed -nE 's/^(torch==[^ ]+).*/\1/p' "$work/all" | publish torch
slice build -- --group build
slice serve -- pyproject.toml --extra serve-without-runtime --extra tracing
slice cpu serve -- pyproject.toml --extra serve
slice dev build serve cpu -- pyproject.toml --extra dev
slice bench build serve cpu dev -- pyproject.toml --extra bench
slice gpu serve -- pyproject.toml --extra serve-gpu "$@"
