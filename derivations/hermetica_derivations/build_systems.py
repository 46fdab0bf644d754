"""Build systems as sets of default phases: shell functions that stand in for those of the generic builder.

A build system of one's own is a value like these: ``mk_derivation(build_system=BuildSystem(name="scons", …))``.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final

import attrs

import hermetica as hm
from hermetica_derivations.environment import BASE_C, BASE_CXX, Environment
from hermetica_derivations.scripts import read

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["AUTOTOOLS", "CMAKE", "MESON", "BuildSystem", "UnknownBuildSystem", "build_system_of"]


class UnknownBuildSystem(hm.EvaluationError, LookupError):
    """A name that none of the build systems has."""

    code = "HM485"


def _frozen(words: Iterable[str]) -> frozenset[str]:
    return frozenset(words)


@attrs.frozen(kw_only=True)
class BuildSystem:
    """How a kind of package is configured, built, tested and installed where its recipe does not say.

    Attributes:
        name: what ``mk_derivation(build_system=…)`` calls it.
        phases: shell text that defines ``default_configure_phase`` and the like, and ``summarize_tests``.
        words: settings of its own whose values are lists of words, such as flags.
        texts: settings of its own whose values are text.
        environment: the tools, where the recipe names none.
    """

    name: str
    phases: str = ""
    words: frozenset[str] = attrs.field(factory=frozenset[str], converter=_frozen)
    texts: frozenset[str] = attrs.field(factory=frozenset[str], converter=_frozen)
    environment: Environment = BASE_C


AUTOTOOLS: Final = BuildSystem(name="autotools")
"""``./configure`` where there is one, and make; the phases of the generic builder itself."""

CMAKE: Final = BuildSystem(
    name="cmake",
    phases=read("cmake.sh"),
    words=("cmake_flags", "ctest_flags"),
    texts=("build_directory", "cmake_build_type"),
    environment=BASE_CXX,
)
"""CMake with Ninja, or make where the tree has no Ninja."""

MESON: Final = BuildSystem(
    name="meson",
    phases=read("meson.sh"),
    words=("meson_flags", "meson_test_flags"),
    texts=("build_directory", "meson_build_type"),
    environment=BASE_CXX,
)
"""Meson with Ninja."""

_KNOWN: Final = {each.name: each for each in (AUTOTOOLS, CMAKE, MESON)}


def build_system_of(name: BuildSystem | str) -> BuildSystem:
    """A build system by its name, or the one given.

    Raises:
        UnknownBuildSystem: there is none of this name.
    """
    if isinstance(name, BuildSystem):
        return name
    if name in _KNOWN:
        return _KNOWN[name]
    close = difflib.get_close_matches(name, _KNOWN, n=1)
    raise UnknownBuildSystem(
        f"there is no build system {name!r}",
        details=(("build systems", ", ".join(_KNOWN)),),
        hint=f"did you mean {close[0]}?" if close else "give a BuildSystem of your own",
    )
