"""Tools of those who write software."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hermetica_derivations.environment import BASE_CXX, FULL
from hermetica_derivations.packages.compression import zlib
from hermetica_derivations.packages.data import expat
from hermetica_derivations.packages.network import curl
from hermetica_derivations.packages.recipe import AUTOTOOLS, LIBRARY, tarball
from hermetica_derivations.packages.system import dash
from hermetica_derivations.packages.text import pcre2

if TYPE_CHECKING:
    import hermetica as hm

__all__ = [
    "git",
    "hello",
    "m4",
    "make",
    "make_git",
    "make_hello",
    "make_m4",
    "make_make",
    "make_ninja",
    "make_patch",
    "make_patchelf",
    "make_pkgconf",
    "ninja",
    "patch",
    "patchelf",
    "pkgconf",
]


def make_hello(**changes: Any) -> hm.Derivation:
    """GNU hello."""
    return tarball(
        "hello",
        changes,
        description="The program that greets",
        licence="GPL-3.0-or-later",
        homepage="https://www.gnu.org/software/hello/",
        supplier="GNU Project",
        # GCC would cut a constant path that is copied into pieces, which no scan for references finds.
        configure_flags=[*AUTOTOOLS, "CFLAGS=-O2 -fno-builtin-memcpy"],
        do_check=True,
    )


def make_git(
    curl: hm.Derivation,
    dash: hm.Derivation,
    expat: hm.Derivation,
    pcre2: hm.Derivation,
    zlib: hm.Derivation,
    **changes: Any,
) -> hm.Derivation:
    """Git without what is written in Perl, Python and Tcl; ``dash`` is its shell. Its tests take an hour."""
    no = ("GETTEXT", "INSTALL_HARDLINKS", "OPENSSL", "PERL", "PYTHON", "TCLTK")  # curl brings TLS
    return tarball(
        "git",
        changes,
        description="Distributed version control",
        licence="GPL-2.0-only",
        homepage="https://git-scm.com/",
        supplier="The Git authors",
        environment=FULL,  # curl-config names libraries for pkg-config
        inputs=[curl, dash, expat, pcre2, zlib],
        make_flags=[
            "prefix=$out",
            "CC=cc",
            f"SHELL_PATH={dash}/bin/dash",
            "USE_LIBPCRE2=1",
            "sysconfdir=/etc",
            *(f"NO_{name}=1" for name in no),
        ],
        check_phase="./git hash-object -t tree /dev/null | grep -x 4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    )


def make_m4(**changes: Any) -> hm.Derivation:
    """GNU m4. Its own tests, without those of gnulib, which take longer, and without one of the words of a shell."""
    return tarball(
        "m4",
        changes,
        description="Macro processor",
        licence="GPL-3.0-or-later",
        homepage="https://www.gnu.org/software/m4/",
        supplier="GNU Project",
        configure_flags=AUTOTOOLS,
        before_check="rm checks/198.sysval",
        do_check=True,
        check_flags=["-C", "checks"],
    )


def make_make(**changes: Any) -> hm.Derivation:
    """GNU make. The tarball lacks the manual, and so the files of the autotools are made again.

    Of its tests, three categories are left out: of ``features/exec`` 7 of 16 fail in the sandbox, and
    ``features/output-sync`` and ``features/parallelism`` measure time.
    """
    return tarball(
        "make",
        changes,
        pin="make-dfsg",
        description="Makes what is older than what it is made from",
        licence="GPL-3.0-or-later",
        homepage="https://www.gnu.org/software/make/",
        supplier="GNU Project",
        environment=FULL,
        before_configure=(
            "sed -i 's|po/Makefile.in Makefile|po/Makefile.in|' configure.ac; "
            "sed -i '/^man_MANS/d' Makefile.am; "
            "AUTOPOINT=true autoreconf -fi"
        ),
        configure_flags=[*AUTOTOOLS, "--without-guile"],
        before_check="(cd tests/scripts/features && rm exec output-sync parallelism)",
        do_check=True,
    )


def make_patch(**changes: Any) -> hm.Derivation:
    """GNU patch, whose tests are for Bash."""
    return tarball(
        "patch",
        changes,
        description="Applies differences to files",
        licence="GPL-3.0-or-later",
        homepage="https://savannah.gnu.org/projects/patch/",
        supplier="GNU Project",
        environment=FULL,
        configure_flags=AUTOTOOLS,
        do_check=True,
        check_flags=["SHELL=/bin/bash"],
    )


def make_ninja(**changes: Any) -> hm.Derivation:
    """Ninja."""
    return tarball(
        "ninja",
        changes,
        pin="ninja-build",
        description="Small build system with a focus on speed",
        licence="Apache-2.0",
        homepage="https://ninja-build.org/",
        supplier="The Ninja authors",
        environment=BASE_CXX,
        configure_phase="python3 configure.py --bootstrap",
        build_phase="./ninja $jobs ninja_test",
        check_phase="./ninja_test",
        install_phase='mkdir -p "$out/bin" && cp ninja "$out/bin/"',
    )


def make_patchelf(**changes: Any) -> hm.Derivation:
    """PatchELF. Its tests want programs without a library path, so the compiler of the tree makes them."""
    return tarball(
        "patchelf",
        changes,
        description="Changes the loader and the library paths of ELF files",
        licence="GPL-3.0-or-later",
        homepage="https://github.com/NixOS/patchelf",
        supplier="The PatchELF authors",
        environment=FULL,
        before_configure="autoreconf -fi",
        configure_flags=AUTOTOOLS,
        do_check=True,
        check_flags=["CC=/usr/bin/gcc"],
    )


def make_pkgconf(**changes: Any) -> hm.Derivation:
    """The program pkgconf, also called ``pkg-config``. Its tests need kyua."""
    return tarball(
        "pkgconf",
        changes,
        description="Tells compilers of installed libraries",
        licence="ISC",
        homepage="http://pkgconf.org/",
        supplier="The pkgconf authors",
        outputs=LIBRARY,
        configure_flags=[*AUTOTOOLS, "--disable-static"],
        after_install='ln -s pkgconf "$out/bin/pkg-config"',
    )


git = make_git(curl, dash, expat, pcre2, zlib)
hello = make_hello()
m4 = make_m4()
make = make_make()
patch = make_patch()
ninja = make_ninja()
patchelf = make_patchelf()
pkgconf = make_pkgconf()
