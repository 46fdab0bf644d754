"""Terminals: what draws on them, and what edits lines on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hermetica_derivations.environment import BASE_CXX
from hermetica_derivations.packages.recipe import tarball
from hermetica_derivations.scripts import script

if TYPE_CHECKING:
    import hermetica as hm

__all__ = ["make_ncurses", "make_readline", "ncurses", "readline"]

_NARROW_NAMES: Final = """
for name in ncurses form menu panel; do
  ln -s "lib${name}w.so" "$out/lib/lib$name.so"
  ln -s "${name}w.pc" "$out/lib/pkgconfig/$name.pc"
done
for name in curses tinfo; do ln -s libncursesw.so "$out/lib/lib$name.so"; done
rm -f "$out/lib/terminfo"
"""


def make_ncurses(**changes: Any) -> hm.Derivation:
    """Ncurses with wide characters, under the names of the narrow library too; brings its own terminal descriptions."""
    return tarball(
        "ncurses",
        changes,
        description="Draws on terminals of any kind",
        licence="X11-distribute-modifications-variant",
        homepage="https://invisible-island.net/ncurses/",
        supplier="Thomas E. Dickey",
        environment=BASE_CXX,
        outputs=("out", "dev"),
        configure_flags=[
            *("--with-shared", "--without-normal", "--without-debug", "--without-ada", "--without-cxx"),
            *("--without-cxx-binding", "--without-manpages", "--without-tests", "--enable-widec", "--enable-overwrite"),
            *("--enable-pc-files", "--with-pkg-config-libdir=$out/lib/pkgconfig"),
            "--with-terminfo-dirs=$out/share/terminfo:/etc/terminfo:/lib/terminfo:/usr/share/terminfo",
        ],
        after_install=_NARROW_NAMES,
    )


def make_readline(ncurses: hm.Derivation, **changes: Any) -> hm.Derivation:
    """GNU Readline."""
    return tarball(
        "readline",
        changes,
        description="Edits and remembers lines that are typed",
        licence="GPL-3.0-or-later",
        homepage="https://tiswww.case.edu/php/chet/readline/rltop.html",
        supplier="GNU Project",
        outputs=("out", "dev"),
        inputs=[ncurses],
        patches=[script("readline-unknown-locale.patch")],
        configure_flags=["--with-curses", "--disable-static", "--disable-install-examples"],
        make_flags=["SHLIB_LIBS=-lncursesw"],
    )


ncurses = make_ncurses()
readline = make_readline(ncurses)
