"""Tools of developers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hermetica_derivations.packages.recipe import AUTOTOOLS, tarball

if TYPE_CHECKING:
    import hermetica as hm

__all__ = ["hello", "make_hello"]


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
    )


hello = make_hello()
