"""Packages built from source with ``stdenv``.

Each is a function of what it is built from, and a derivation made with the defaults: ``packages.zlib`` is
``packages.make_zlib()``.
"""

from __future__ import annotations

from typing import Any

import hermetica as hm
from hermetica_derivations.pins import source
from hermetica_derivations.scripts import script
from hermetica_derivations.stdenv import mk_derivation

__all__ = ["hello", "lua", "make_hello", "make_lua", "make_zlib", "make_zpipe", "zlib", "zpipe"]


def make_hello(**changes: Any) -> hm.Derivation:
    """GNU hello, the program that greets."""
    defaults: dict[str, Any] = {
        "name": "hello-2.10",
        "src": source("hello"),
        # GCC would cut a constant path that is copied into pieces, which no scan for references finds.
        "configure_flags": ["--disable-nls", "--disable-dependency-tracking", "CFLAGS=-O2 -fno-builtin-memcpy"],
        "meta": hm.Meta(homepage="https://www.gnu.org/software/hello/", licence="GPL-3.0-or-later"),
    }
    return mk_derivation(**{**defaults, **changes})


def make_zlib(**changes: Any) -> hm.Derivation:
    """zlib, the compression library; ``dev`` has headers and pkg-config's file, ``static`` the static library."""
    defaults: dict[str, Any] = {
        "name": "zlib-1.2.13",
        "src": source("zlib"),
        "outputs": ("out", "dev", "static"),
        "configure_flags": ["--libdir=$out/lib", "--sharedlibdir=$out/lib", "--includedir=$dev/include"],
        "do_check": True,
        "after_install": (
            'mkdir -p "$dev/lib" "$static/lib" && '
            'mv "$out/lib/pkgconfig" "$dev/lib/" && mv "$out/lib/libz.a" "$static/lib/"'
        ),
        "meta": hm.Meta(homepage="https://zlib.net/", licence="Zlib"),
    }
    return mk_derivation(**{**defaults, **changes})


def make_lua(**changes: Any) -> hm.Derivation:
    """Lua, the scripting language: interpreter, compiler and static library."""
    defaults: dict[str, Any] = {
        "name": "lua-5.4.4",
        "src": source("lua5.4"),
        "make_flags": ["CC=cc"],
        "build_targets": ["linux"],
        "install_flags": ["INSTALL_TOP=$out"],
        "meta": hm.Meta(homepage="https://www.lua.org/", licence="MIT"),
    }
    return mk_derivation(**{**defaults, **changes})


def make_zpipe(zlib: hm.Derivation, **changes: Any) -> hm.Derivation:
    """A small program of ours that compresses and decompresses its input with ``zlib``."""
    defaults: dict[str, Any] = {
        "name": "zpipe-1",
        "src": script("zpipe.c"),
        "inputs": [f"{zlib:dev}", str(zlib)],
        "build_phase": "cc -O2 -Wall -o zpipe zpipe.c -lz",
        "install_phase": 'mkdir -p "$out/bin" && cp zpipe "$out/bin/"',
        "meta": hm.Meta(description="Compresses what it reads, and back"),
    }
    return mk_derivation(**{**defaults, **changes})


hello = make_hello()
zlib = make_zlib()
lua = make_lua()
zpipe = make_zpipe(zlib)
