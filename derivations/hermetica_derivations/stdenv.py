"""The standard environment: a compiler, the usual tools, and a generic builder with phases.

Source: the stdenv of nixpkgs, whose phases these are; docs/stdenv.md says what each does.
"""

from __future__ import annotations

import difflib
import shlex
from typing import TYPE_CHECKING, Any, Final

import attrs

import hermetica as hm
from hermetica_derivations.build_systems import BuildSystem, build_system_of
from hermetica_derivations.environment import BASE_C, Environment
from hermetica_derivations.scripts import read

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["DEFAULT", "PHASES", "Environment", "UnknownSetting", "mk_derivation", "shell_words"]

DEFAULT: Final = BASE_C
PHASES: Final = ("unpack", "patch", "configure", "build", "check", "install", "fixup")
_PARTS: Final = ("inputs.sh", "outputs.sh", "fixup.sh", "phases.sh")
_WORDS: Final = frozenset({
    "build_targets", "check_flags", "check_targets", "configure_flags", "install_flags", "install_targets",
    "make_flags", "patch_flags",
})  # fmt: skip
_INPUTS: Final = frozenset({"dlopen_inputs", "propagated_inputs"})
_SWITCHES: Final = frozenset({
    "allow_cut_paths", "allow_dev_references", "allow_missing_libraries", "do_check", "do_split", "do_strip",
    "parallel",
})  # fmt: skip
_TEXTS: Final = frozenset({
    "configure_script", "source_root",
    *(name for phase in PHASES for name in (f"{phase}_phase", f"before_{phase}", f"after_{phase}")),
})  # fmt: skip


class UnknownSetting(hm.EvaluationError, TypeError):
    """A keyword that the generic builder has no use for."""

    code = "HM228"


def shell_words(words: Sequence[str]) -> str:
    """Words as a shell reads them back; ``$out`` and other variables in them are expanded."""
    return " ".join('"' + word.replace("\\", "\\\\").replace('"', '\\"').replace("`", "\\`") + '"' for word in words)


def mk_derivation(  # noqa: PLR0913 -- by keyword alone
    *,
    name: str,
    src: hm.Derivation | hm.Source | str | None = None,
    inputs: Sequence[hm.Derivation | str] = (),
    outputs: Sequence[str] = ("out",),
    patches: Sequence[hm.Derivation | hm.Source | str] = (),
    env: Mapping[str, str] | None = None,
    build_system: BuildSystem | str = "autotools",
    environment: Environment | None = None,
    meta: hm.Meta | None = None,
    **settings: Any,
) -> hm.Derivation:
    """Software built in phases: unpack, patch, configure, build, check, install, fixup.

    Args:
        name: of the derivation.
        src: an archive or a directory; unpacked by the first phase.
        inputs: what is linked against, or whose programs run; of a derivation, the default output, ``dev``, ``lib``.
        outputs: default first; ``dev``, ``lib``, ``static``, ``doc`` and ``check`` fill by themselves.
        patches: applied in order.
        env: further variables.
        build_system: the default phases; ``autotools``, ``cmake``, ``meson``, or one of your own.
        environment: the tools; where not given, those of the build system.
        meta: no part of the id; what it leaves out of ``purl`` and ``supplier`` is taken from ``src``.
        settings: such as ``configure_phase``, ``make_flags``, ``propagated_inputs``, ``do_check``: see docs/stdenv.md.

    Raises:
        UnknownSetting: a setting, or the name of a build system, has no meaning.
    """
    system = build_system_of(build_system)
    tools = environment or system.environment
    lists = {"outputs": tools.outputs(outputs), "inputs": _used(inputs, tools), "patches": patches}
    settings["do_check"] = tools.runs_here and settings.get("do_check", "check" in outputs or "check_phase" in settings)
    return hm.derivation(
        name=tools.named(name),
        builder="/bin/sh",
        args=["-eu", str(_program(system, tools))],
        env={
            **tools.env,
            **{key: " ".join(map(str, words)) for key, words in lists.items()},
            **({} if src is None else {"src": str(src)}),
            **{key: _setting(name, system, tools, key, value) for key, value in settings.items()},
            **(env or {}),
        },
        outputs=tools.outputs(outputs),
        rootfs=tools.rootfs,
        meta=_meta(meta or hm.Meta(), src),
    )


def _used(inputs: Iterable[hm.Derivation | str], tools: Environment) -> list[str]:
    """The outputs that a build against ``inputs`` needs."""
    used: list[str] = []
    for each in inputs:
        used.append(str(each))
        if isinstance(each, hm.Derivation):
            used += [f"{each:{output}}" for output in tools.linked if output in each.outputs[1:]]
    return used


def _program(system: BuildSystem, tools: Environment) -> hm.Derivation:
    """The generic builder as one file: what all packages share, then the phases of the build system, then the run."""
    special = [tools.setup] if tools.setup else []
    text = "\n".join([read("setup.sh"), *map(read, _PARTS), system.phases, *special, read("run.sh")])
    return hm.text(f"setup-{system.name}.sh", text)


def _meta(meta: hm.Meta, src: hm.Derivation | hm.Source | str | None) -> hm.Meta:
    """``meta`` with what is known of the source where it says nothing itself."""
    if not isinstance(src, hm.Derivation):
        return meta
    return attrs.evolve(meta, purl=meta.purl or src.meta.purl, supplier=meta.supplier or src.meta.supplier)


def _setting(name: str, system: BuildSystem, tools: Environment, key: str, value: Any) -> str:
    if key in _WORDS or key in system.words:
        return shell_words([value] if isinstance(value, str) else value)
    if key in _INPUTS:
        return " ".join(_used(value, tools))
    if key == "phases":
        return shlex.join(value)
    if key in _SWITCHES:
        return "1" if value else ""
    if key in _TEXTS or key in system.texts:
        return str(value)
    known = sorted({*_WORDS, *_INPUTS, *_SWITCHES, *_TEXTS, *system.words, *system.texts, "phases"})
    close = difflib.get_close_matches(key, known, n=1)
    raise UnknownSetting(
        f"{name}: mk_derivation has no setting {key!r}",
        details=(("settings", ", ".join(known)),),
        hint=f"did you mean {close[0]}?" if close else None,
    )
