#!/bin/sh
# Install the peers of the benchmarks that this machine lacks: Debian's packages, and BuildStream from the Python index.
#
# Usage: benchmarks/peers.sh        as root, for the packages of Debian; what cannot be installed is named and left out
# Afterwards: HERMETICA_BENCHMARKS_BST=.tools/buildstream/bin/bst python -m benchmarks
set -u
cd "$(dirname "$0")/.."

say() { printf 'peers: %s\n' "$*" >&2; }

for package in nix-bin bazel-bootstrap make ninja-build git ostree borgbackup zstd bubblewrap busybox-static; do
    dpkg -s "$package" >/dev/null 2>&1 && continue
    say "installing $package"
    apt-get install --yes --quiet --no-install-recommends "$package" >/dev/null || say "$package cannot be installed; its rows are left out"
done

place=.tools/buildstream
if [ ! -x "$place/bin/bst" ]; then
    say "installing BuildStream below $place"
    python3 -m venv "$place" && "$place/bin/pip" install --quiet --disable-pip-version-check BuildStream ||
        say "BuildStream cannot be installed; its rows are left out"
fi
say "HERMETICA_BENCHMARKS_BST=$PWD/$place/bin/bst lets the benchmarks find BuildStream"
