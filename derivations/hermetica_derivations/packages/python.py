"""CPython, linked to libraries of this set, and what only it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hermetica_derivations.environment import BASE_CXX
from hermetica_derivations.packages.archival import bzip2, xz
from hermetica_derivations.packages.compression import zlib
from hermetica_derivations.packages.crypto import openssl
from hermetica_derivations.packages.data import expat, sqlite
from hermetica_derivations.packages.recipe import AUTOTOOLS, tarball
from hermetica_derivations.packages.terminal import ncurses, readline
from hermetica_derivations.scripts import script

if TYPE_CHECKING:
    import hermetica as hm

__all__ = ["cpython", "libffi", "make_cpython", "make_libffi"]

_TESTS: Final = (
    *("test_bz2", "test_decimal", "test_dict", "test_hashlib", "test_json", "test_list", "test_lzma"),
    *("test_pyexpat", "test_re", "test_sqlite3", "test_struct", "test_unicode", "test_zlib"),
)
_IGNORED: Final = "test.test_pyexpat.HandlerExceptionTest.test_exception"  # reads C source by the name that is mapped
_IMPORTED: Final = "bz2, ctypes, curses, lzma, pyexpat, readline, sqlite3, ssl, zlib"


def make_libffi(**changes: Any) -> hm.Derivation:
    """Libffi; its tests need DejaGnu, which no tree of tools has."""
    return tarball(
        "libffi",
        changes,
        description="Calls functions whose types are known at run time alone",
        licence="MIT",
        homepage="https://sourceware.org/libffi/",
        supplier="The libffi authors",
        outputs=("out", "dev"),
        configure_flags=[*AUTOTOOLS, "--disable-static", "--disable-docs", "--disable-multi-os-directory"],
    )


def make_cpython(  # noqa: PLR0913, PLR0917 -- as many as its library has modules in C for
    bzip2: hm.Derivation,
    expat: hm.Derivation,
    libffi: hm.Derivation,
    ncurses: hm.Derivation,
    openssl: hm.Derivation,
    readline: hm.Derivation,
    sqlite: hm.Derivation,
    xz: hm.Derivation,
    zlib: hm.Derivation,
    **changes: Any,
) -> hm.Derivation:
    """CPython 3.11 without Tk, tests and static library; byte code is there and never compared with its source.

    Its check is the part of its tests that is about these libraries and the core of the language.
    """
    return tarball(
        "cpython",
        changes,
        pin="python3.11",
        description="The language Python, and its library",
        licence="PSF-2.0",
        homepage="https://www.python.org/",
        supplier="Python Software Foundation",
        environment=BASE_CXX,
        inputs=[bzip2, expat, libffi, ncurses, openssl, readline, sqlite, xz, zlib],
        before_configure=f". {script('cpython-configure.sh')}",
        configure_flags=[
            *("--without-ensurepip", "--without-static-libpython", "--with-system-expat", "--with-system-ffi"),
        ],
        check_phase=(
            f"run ./python -E -c 'import {_IMPORTED}; assert ctypes.CDLL(None).abs(-3) == 3'\n"
            f"run ./python -E -m test -j$HERMETICA_BUILD_CORES --timeout 300 -i {_IGNORED} {' '.join(_TESTS)}"
        ),
        after_install=f". {script('cpython-finish.sh')}",
    )


libffi = make_libffi()
cpython = make_cpython(bzip2, expat, libffi, ncurses, openssl, readline, sqlite, xz, zlib)
