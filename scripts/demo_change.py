"""The demonstration's change: zlib from a source with one more comment, and what is linked to it."""

from __future__ import annotations

from hermetica_derivations import packages

zlib = packages.make_zlib(after_patch="sed -i '1i /* This comment is new. */' adler32.c")
zpipe = packages.make_zpipe(zlib)
