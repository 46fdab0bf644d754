"""Languages: interpreters, and what reads and writes the notations of others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hermetica_derivations.packages.recipe import tarball

if TYPE_CHECKING:
    import hermetica as hm

__all__ = ["lua", "make_lua"]


def make_lua(**changes: Any) -> hm.Derivation:
    """Lua: interpreter, compiler and static library."""
    return tarball(
        "lua",
        changes,
        pin="lua5.4",
        description="Small scripting language, to be embedded",
        licence="MIT",
        homepage="https://www.lua.org/",
        supplier="Lua.org, PUC-Rio",
        make_flags=["CC=cc"],
        build_targets=["linux"],
        install_flags=["INSTALL_TOP=$out"],
    )


lua = make_lua()
