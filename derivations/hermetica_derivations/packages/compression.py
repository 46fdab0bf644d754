"""Compression: libraries and the programs that come with them."""

from __future__ import annotations

from typing import Any

import hermetica as hm
from hermetica_derivations.environment import BASE_CXX
from hermetica_derivations.packages.recipe import LIBRARY, tarball
from hermetica_derivations.scripts import script
from hermetica_derivations.stdenv import mk_derivation

__all__ = [
    "lz4",
    "lzip",
    "make_lz4",
    "make_lzip",
    "make_xxhash",
    "make_zlib",
    "make_zopfli",
    "make_zpipe",
    "make_zstd",
    "xxhash",
    "zlib",
    "zopfli",
    "zpipe",
    "zstd",
]


def make_zlib(**changes: Any) -> hm.Derivation:
    """The library zlib; ``static`` has the static library."""
    return tarball(
        "zlib",
        changes,
        description="Compression library of the DEFLATE format",
        licence="Zlib",
        homepage="https://zlib.net/",
        supplier="Jean-loup Gailly and Mark Adler",
        outputs=("out", "dev", "static"),
        do_check=True,
    )


def make_zpipe(zlib: hm.Derivation, **changes: Any) -> hm.Derivation:
    """A small program of ours that compresses and decompresses its input with ``zlib``."""
    defaults: dict[str, Any] = {
        "name": "zpipe-1",
        "src": script("zpipe.c"),
        "inputs": [zlib],
        "build_phase": "cc -O2 -Wall -o zpipe zpipe.c -lz",
        "install_phase": 'mkdir -p "$out/bin" && cp zpipe "$out/bin/"',
        "meta": hm.Meta(
            description="Compresses what it reads, and back",
            licence="Apache-2.0",
            purl="pkg:generic/zpipe@1",
            supplier="hermetica",
        ),
    }
    return mk_derivation(**{**defaults, **changes})


def make_zstd(**changes: Any) -> hm.Derivation:
    """Zstandard: program and library. Its tests compile everything again; going there and back stands in for them."""
    return tarball(
        "zstd",
        changes,
        pin="libzstd",
        description="Fast compression with a wide range of levels",
        licence="BSD-3-Clause OR GPL-2.0-only",
        homepage="https://facebook.github.io/zstd/",
        supplier="Meta Platforms",
        outputs=LIBRARY,
        make_flags=["PREFIX=$out"],
        check_phase="programs/zstd -c README.md | programs/zstd -dc | cmp - README.md",
    )


def make_lz4(**changes: Any) -> hm.Derivation:
    """LZ4: program and library."""
    return tarball(
        "lz4",
        changes,
        description="Extremely fast compression",
        licence="BSD-2-Clause AND GPL-2.0-or-later",
        homepage="https://lz4.org/",
        supplier="Yann Collet",
        outputs=LIBRARY,
        make_flags=["PREFIX=$out", "BUILD_STATIC=no"],
        build_targets=["lib-release", "lz4-release"],
        do_check=True,
    )


def make_xxhash(**changes: Any) -> hm.Derivation:
    """xxHash: programs and library."""
    return tarball(
        "xxhash",
        changes,
        description="Extremely fast hashes that are not cryptographic",
        licence="BSD-2-Clause AND GPL-2.0-or-later",
        homepage="https://xxhash.com/",
        supplier="Yann Collet",
        outputs=LIBRARY,
        make_flags=["PREFIX=$out"],
        do_check=True,
    )


def make_lzip(**changes: Any) -> hm.Derivation:
    """Lzip."""
    return tarball(
        "lzip",
        changes,
        description="Lossless compression for archives that are to last",
        licence="GPL-2.0-or-later",
        homepage="https://www.nongnu.org/lzip/lzip.html",
        supplier="Antonio Diaz Diaz",
        environment=BASE_CXX,
        configure_flags=["CXX=c++"],
        do_check=True,
    )


def make_zopfli(**changes: Any) -> hm.Derivation:
    """Zopfli: ``zopfli`` for gzip and zlib, ``zopflipng`` for images. It has no tests."""
    return tarball(
        "zopfli",
        changes,
        description="Compresses to DEFLATE as densely as can be",
        licence="Apache-2.0",
        homepage="https://github.com/google/zopfli",
        supplier="Google",
        environment=BASE_CXX,
        build_targets=["zopfli", "zopflipng"],
        check_phase="./zopfli -c README > readme.gz && gzip -dc readme.gz | cmp - README",
        install_phase='mkdir -p "$out/bin" && cp zopfli zopflipng "$out/bin/"',
    )


zlib = make_zlib()
zpipe = make_zpipe(zlib)
zstd = make_zstd()
lz4 = make_lz4()
xxhash = make_xxhash()
lzip = make_lzip()
zopfli = make_zopfli()
