"""Text: what searches, edits, splits and shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hermetica_derivations.environment import FULL
from hermetica_derivations.packages.compression import zlib
from hermetica_derivations.packages.recipe import AUTOTOOLS, LIBRARY, tarball

if TYPE_CHECKING:
    import hermetica as hm

__all__ = ["figlet", "grep", "make_figlet", "make_grep", "make_oniguruma", "make_pcre2", "oniguruma", "pcre2"]


def make_pcre2(zlib: hm.Derivation, **changes: Any) -> hm.Derivation:
    """PCRE2 for 8, 16 and 32 bits, with its compiler to machine code, and ``pcre2grep``.

    ``RunGrepTest`` is left out of its tests: it fails in the sandbox.
    """
    return tarball(
        "pcre2",
        changes,
        description="Regular expressions of Perl's kind",
        licence="BSD-3-Clause",
        homepage="https://www.pcre.org/",
        supplier="The PCRE2 authors",
        inputs=[zlib],
        outputs=LIBRARY,
        configure_flags=[*AUTOTOOLS, "--disable-static", "--enable-jit", "--enable-pcre2-16", "--enable-pcre2-32"],
        do_check=True,
        check_flags=["TESTS=pcre2posix_test RunTest pcre2_jit_test"],
    )


def make_oniguruma(**changes: Any) -> hm.Derivation:
    """Oniguruma."""
    return tarball(
        "oniguruma",
        changes,
        pin="libonig",
        description="Regular expressions for many character encodings",
        licence="BSD-2-Clause",
        homepage="https://github.com/kkos/oniguruma",
        supplier="K. Kosako",
        environment=FULL,
        outputs=LIBRARY,
        before_configure="autoreconf -fi",
        configure_flags=[*AUTOTOOLS, "--disable-static"],
        do_check=True,
    )


def make_figlet(**changes: Any) -> hm.Derivation:
    """FIGlet, with its fonts."""
    return tarball(
        "figlet",
        changes,
        description="Makes large letters of ordinary text",
        licence="BSD-3-Clause",
        homepage="http://www.figlet.org/",
        supplier="The FIGlet authors",
        make_flags=["prefix=$out", "CC=cc", "LD=cc"],
        do_check=True,
    )


def make_grep(pcre2: hm.Derivation, **changes: Any) -> hm.Derivation:
    """GNU grep. Its own tests, without those of gnulib, which take longer than all the rest."""
    return tarball(
        "grep",
        changes,
        description="Finds lines that match",
        licence="GPL-3.0-or-later",
        homepage="https://www.gnu.org/software/grep/",
        supplier="GNU Project",
        inputs=[pcre2],
        environment=FULL,
        configure_flags=AUTOTOOLS,
        do_check=True,
        check_flags=["-C", "tests"],
    )


pcre2 = make_pcre2(zlib)
oniguruma = make_oniguruma()
figlet = make_figlet()
grep = make_grep(pcre2)
