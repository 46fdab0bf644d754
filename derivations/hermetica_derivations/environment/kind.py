"""What an environment is: a tree of tools, compilers, and how build systems are told of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from hermetica_derivations.toolchain.for_c import compiler_wrapper, fixup_tools

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import hermetica as hm

__all__ = ["Environment"]

_C: Final[Mapping[str, str]] = {"CC": "cc"}
_CXX: Final[Mapping[str, str]] = {"CC": "cc", "CXX": "c++"}


@attrs.frozen(kw_only=True)
class Environment:
    """What software is built with.

    Attributes:
        rootfs: the tree of tools, at ``/``.
        compiler: its ``bin`` comes before those of the tree.
        variables: how build systems are told which compilers to call.
        fixup: programs for the last phase, with which rpaths shrink and dates become fixed; None does without.
        setup: shell text that the generic builder runs before the phases.
        host: the triplet that outputs run on, where it is not that of ``rootfs``; at the end of names.
        linked: the outputs of an input that are compiled and linked against, beside its default one.
        runs_here: whether what is built runs on the machine that builds it, so that its tests can; if not, they
            are left out, and so is the output ``check``.
    """

    rootfs: hm.Derivation
    compiler: hm.Derivation
    variables: Mapping[str, str] = attrs.field(default=_C, hash=False)
    fixup: hm.Derivation | None = fixup_tools
    setup: str = ""
    host: str = ""
    linked: tuple[str, ...] = ("lib", "dev")
    runs_here: bool = True

    @property
    def env(self) -> dict[str, str]:
        """The variables of a build with these tools."""
        fixup = "" if self.fixup is None else f"{self.fixup}/bin"
        return {"PATH": f"{self.compiler}/bin:/usr/bin:/bin", "fixup_tools": fixup, **self.variables}

    def named(self, name: str) -> str:
        """What a package is called that is built with this."""
        return f"{name}-{self.host}" if self.host else name

    def outputs(self, outputs: Sequence[str]) -> tuple[str, ...]:
        """Those of the outputs that it can make."""
        return tuple(each for each in outputs if each != "check" or self.runs_here)

    @classmethod
    def of(cls, rootfs: hm.Derivation) -> Environment:
        """A tree with GCC for C and C++, and wrappers around them."""
        return cls(rootfs=rootfs, compiler=compiler_wrapper(rootfs), variables=_CXX)
