"""Compression: libraries and the programs that come with them."""

from __future__ import annotations

from typing import Any

import hermetica as hm
from hermetica_derivations.packages.recipe import linked, tarball
from hermetica_derivations.scripts import script
from hermetica_derivations.stdenv import mk_derivation

__all__ = ["make_zlib", "make_zpipe", "zlib", "zpipe"]


def make_zlib(**changes: Any) -> hm.Derivation:
    """zlib; ``dev`` has headers and pkg-config's file, ``static`` the static library."""
    return tarball(
        "zlib",
        changes,
        description="Compression library of the DEFLATE format",
        licence="Zlib",
        homepage="https://zlib.net/",
        supplier="Jean-loup Gailly and Mark Adler",
        outputs=("out", "dev", "static"),
        configure_flags=["--libdir=$out/lib", "--sharedlibdir=$out/lib", "--includedir=$dev/include"],
        do_check=True,
        after_install=(
            'mkdir -p "$dev/lib" "$static/lib" && '
            'mv "$out/lib/pkgconfig" "$dev/lib/" && mv "$out/lib/libz.a" "$static/lib/"'
        ),
    )


def make_zpipe(zlib: hm.Derivation, **changes: Any) -> hm.Derivation:
    """A small program of ours that compresses and decompresses its input with ``zlib``."""
    defaults: dict[str, Any] = {
        "name": "zpipe-1",
        "src": script("zpipe.c"),
        "inputs": linked(zlib),
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


zlib = make_zlib()
zpipe = make_zpipe(zlib)
