"""The standard environment: a compiler, the usual tools, and a generic builder with phases.

Source: the stdenv of nixpkgs, whose phases these are; ``scripts/setup.sh`` says what each does.
"""

from __future__ import annotations

import difflib
import shlex
from typing import TYPE_CHECKING, Any, Final

import attrs

import hermetica as hm
from hermetica_derivations.scripts import script
from hermetica_derivations.toolchain import base_c, cc

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["DEFAULT", "PHASES", "Environment", "UnknownSetting", "mk_derivation", "shell_words"]

PHASES: Final = ("unpack", "patch", "configure", "build", "check", "install", "fixup")
_WORDS: Final = frozenset({
    "build_targets", "check_flags", "check_targets", "configure_flags", "install_flags", "install_targets", "make_flags"
})  # fmt: skip
_SWITCHES: Final = frozenset({"allow_cut_paths", "do_check", "do_strip", "parallel"})
_TEXTS: Final = frozenset({
    "source_root", *(name for phase in PHASES for name in (f"{phase}_phase", f"before_{phase}", f"after_{phase}"))
})  # fmt: skip


class UnknownSetting(hm.EvaluationError, TypeError):
    """A keyword that the generic builder has no use for."""

    code = "HM228"


@attrs.frozen(kw_only=True)
class Environment:
    """What software is built with.

    Attributes:
        rootfs: the tree of tools, at ``/``.
        compiler: its ``bin`` comes before those of the tree.
    """

    rootfs: hm.Derivation
    compiler: hm.Derivation


DEFAULT: Final = Environment(rootfs=base_c, compiler=cc)


def shell_words(words: Sequence[str]) -> str:
    """Words as a shell reads them back; ``$out`` and other variables in them are expanded."""
    return " ".join('"' + word.replace("\\", "\\\\").replace('"', '\\"').replace("`", "\\`") + '"' for word in words)


def mk_derivation(
    *,
    name: str,
    src: hm.Derivation | hm.Source | str | None = None,
    inputs: Sequence[hm.Derivation | str] = (),
    outputs: Sequence[str] = ("out",),
    patches: Sequence[hm.Derivation | hm.Source | str] = (),
    env: Mapping[str, str] | None = None,
    environment: Environment = DEFAULT,
    meta: hm.Meta | None = None,
    **settings: Any,
) -> hm.Derivation:
    """Software built in phases: unpack, patch, configure, build, check, install, fixup.

    Args:
        name: of the derivation.
        src: an archive or a directory; unpacked by the first phase.
        inputs: what is compiled and linked against, and whose programs are on the PATH.
        outputs: default first.
        patches: applied in order.
        env: further variables.
        environment: the tools.
        meta: no part of the id.
        settings: ``configure_phase`` and the like replace a phase with shell text, ``before_configure`` and
            ``after_configure`` surround it; ``make_flags`` and the like are words; ``phases`` are names; ``do_check``,
            ``do_strip``, ``parallel``, ``allow_cut_paths`` are booleans; ``source_root`` is below the source.

    Raises:
        UnknownSetting: a setting has no meaning.
    """
    variables = {
        "PATH": f"{environment.compiler}/bin:/usr/bin:/bin",
        "CC": "cc",
        "outputs": " ".join(outputs),
        "inputs": " ".join(map(str, inputs)),
        "patches": " ".join(map(str, patches)),
        **({} if src is None else {"src": str(src)}),
        **{key: _setting(name, key, value) for key, value in settings.items()},
        **(env or {}),
    }
    return hm.derivation(
        name=name,
        builder="/bin/sh",
        args=["-eu", str(script("setup.sh"))],
        env=variables,
        outputs=outputs,
        rootfs=environment.rootfs,
        meta=meta or hm.Meta(),
    )


def _setting(name: str, key: str, value: Any) -> str:
    if key in _WORDS:
        return shell_words([value] if isinstance(value, str) else value)
    if key == "phases":
        return shlex.join(value)
    if key in _SWITCHES:
        return "1" if value else ""
    if key in _TEXTS:
        return str(value)
    known = sorted({*_WORDS, *_SWITCHES, *_TEXTS, "phases"})
    close = difflib.get_close_matches(key, known, n=1)
    raise UnknownSetting(
        f"{name}: mk_derivation has no setting {key!r}",
        details=(("settings", ", ".join(known)),),
        hint=f"did you mean {close[0]}?" if close else None,
    )
