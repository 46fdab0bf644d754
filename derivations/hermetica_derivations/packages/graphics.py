"""Pictures and letters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hermetica_derivations.packages.compression import zlib
from hermetica_derivations.packages.recipe import AUTOTOOLS, LIBRARY, tarball

if TYPE_CHECKING:
    import hermetica as hm

__all__ = ["freetype", "giflib", "libpng", "make_freetype", "make_giflib", "make_libpng", "make_pixman", "pixman"]


def make_libpng(zlib: hm.Derivation, **changes: Any) -> hm.Derivation:
    """The reference library of PNG."""
    return tarball(
        "libpng",
        changes,
        pin="libpng1.6",
        description="Reads and writes PNG images",
        licence="libpng-2.0",
        homepage="http://www.libpng.org/pub/png/libpng.html",
        supplier="The PNG Reference Library authors",
        propagated_inputs=[zlib],
        outputs=LIBRARY,
        configure_flags=[*AUTOTOOLS, "--disable-static"],
        do_check=True,
    )


def make_freetype(zlib: hm.Derivation, libpng: hm.Derivation, **changes: Any) -> hm.Derivation:
    """FreeType. Its tests fetch fonts."""
    return tarball(
        "freetype",
        changes,
        description="Renders fonts",
        licence="FTL OR GPL-2.0-only",
        homepage="https://freetype.org/",
        supplier="The FreeType project",
        propagated_inputs=[zlib, libpng],
        build_system="cmake",
        outputs=LIBRARY,
        cmake_flags=[
            "-DBUILD_SHARED_LIBS=ON",
            "-DFT_REQUIRE_ZLIB=ON",
            "-DFT_REQUIRE_PNG=ON",
            "-DFT_DISABLE_BZIP2=ON",
            "-DFT_DISABLE_BROTLI=ON",
            "-DFT_DISABLE_HARFBUZZ=ON",
        ],
    )


def make_pixman(**changes: Any) -> hm.Derivation:
    """Pixman. Its tests take ten minutes."""
    return tarball(
        "pixman",
        changes,
        description="Composes pixels",
        licence="MIT",
        homepage="http://www.pixman.org/",
        supplier="The Pixman authors",
        build_system="meson",
        outputs=LIBRARY,
        meson_flags=["-Dtests=disabled", "-Dgtk=disabled", "-Dlibpng=disabled", "-Dopenmp=disabled"],
    )


def make_giflib(**changes: Any) -> hm.Derivation:
    """giflib: library and programs, without the manual, which needs xmlto."""
    return tarball(
        "giflib",
        changes,
        description="Reads and writes GIF images",
        licence="MIT",
        homepage="https://giflib.sourceforge.net/",
        supplier="Eric S. Raymond and the giflib authors",
        outputs=LIBRARY,
        make_flags=["PREFIX=$out", "CC=cc"],
        before_build="sed -i '/-C doc/d' Makefile",
        do_check=True,
        install_targets=["install-bin", "install-include", "install-lib"],
    )


libpng = make_libpng(zlib)
freetype = make_freetype(zlib, libpng)
pixman = make_pixman()
giflib = make_giflib()
