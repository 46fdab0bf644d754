"""Compressors of archives, and the libraries that they are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hermetica_derivations.packages.recipe import AUTOTOOLS, tarball

if TYPE_CHECKING:
    import hermetica as hm

__all__ = ["bzip2", "make_bzip2", "make_xz", "xz"]

_BZIP2_FLAGS: Final = ('CFLAGS="-O2 -fPIC -D_FILE_OFFSET_BITS=64"', "CC=cc")
_INSTALL_BZIP2: Final = """
mkdir -p "$out/bin" "$out/lib" "$dev/include" "$dev/lib/pkgconfig"
cp bzip2-shared "$out/bin/bzip2"
cp bzip2recover "$out/bin/"
for name in bunzip2 bzcat; do ln -s bzip2 "$out/bin/$name"; done
cp libbz2.so.1.0.8 "$out/lib/"
ln -s libbz2.so.1.0.8 "$out/lib/libbz2.so.1.0"
ln -s libbz2.so.1.0 "$out/lib/libbz2.so"
cp bzlib.h "$dev/include/"
cat > "$dev/lib/pkgconfig/bzip2.pc" <<END
Name: bzip2
Description: Compression by sorting blocks
Version: 1.0.8
Libs: -L$out/lib -lbz2
Cflags: -I$dev/include
END
"""


def make_bzip2(**changes: Any) -> hm.Derivation:
    """bzip2 with a shared library, which upstream builds by a makefile of its own."""
    flags = " ".join(_BZIP2_FLAGS)
    return tarball(
        "bzip2",
        changes,
        description="Compression by sorting blocks",
        licence="bzip2-1.0.6",
        homepage="https://sourceware.org/bzip2/",
        supplier="Julian Seward",
        outputs=("out", "dev"),
        build_phase=f"run make $jobs -f Makefile-libbz2_so {flags} && run make $jobs {flags} bzip2recover",
        check_phase="cp bzip2-shared bzip2 && LD_LIBRARY_PATH=. run make test",
        install_phase=_INSTALL_BZIP2,
    )


def make_xz(**changes: Any) -> hm.Derivation:
    """XZ Utils."""
    return tarball(
        "xz",
        changes,
        pin="xz-utils",
        description="Compression of the LZMA family",
        licence="0BSD AND LGPL-2.1-or-later AND GPL-2.0-or-later",
        homepage="https://tukaani.org/xz/",
        supplier="The Tukaani Project",
        outputs=("out", "dev"),
        configure_flags=[*AUTOTOOLS, "--disable-static", "--disable-doc", "--disable-scripts"],
        do_check=True,
    )


bzip2 = make_bzip2()
xz = make_xz()
