"""Python: wheels from source trees, installed packages, virtual environments, scripts; all from locked files alone.

A wheel is installed once, as an object of the store, and environments are made of links; so two environments share what
they share. docs/python.md says how to begin.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import attrs

import hermetica as hm
from hermetica_derivations.build_systems import BuildSystem
from hermetica_derivations.builders.programs import program
from hermetica_derivations.environment import BASE_CXX
from hermetica_derivations.scripts import read
from hermetica_derivations.stdenv import mk_derivation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = [
    "PYTHON",
    "Recipe",
    "UnbuiltSdist",
    "installed",
    "installed_pins",
    "mk_script",
    "mk_virtual_environment",
    "mk_wheel",
]

PYTHON: Final = BuildSystem(
    name="python", phases=read("python.sh"), texts=frozenset({"import_check"}), environment=BASE_CXX
)
"""A build backend of PEP 517 that makes a wheel."""

_DEFAULT_PATH: Final = "/usr/bin:/bin"


def _interpreter(python: hm.Derivation | None) -> hm.Derivation:
    """The one given, or CPython of the package set."""
    if python is not None:
        return python
    from hermetica_derivations.packages.python import cpython  # noqa: PLC0415 -- the set is made with this module

    return cpython


class UnbuiltSdist(hm.EvaluationError, LookupError):
    """A project is pinned as source, and nobody said what it is built with."""

    code = "HM493"


@attrs.frozen(kw_only=True)
class Recipe:
    """How the wheel of one project is built from its sdist.

    Attributes:
        requires: names of installed build requirements.
        inputs: libraries that native code is linked against.
        settings: for ``mk_wheel``.
    """

    requires: tuple[str, ...] = ()
    inputs: tuple[hm.Derivation, ...] = ()
    settings: Mapping[str, Any] = attrs.field(factory=dict[str, Any], hash=False)


def mk_wheel(
    *,
    name: str,
    src: hm.Derivation | hm.Source | str,
    requires: Sequence[hm.Derivation] = (),
    inputs: Sequence[hm.Derivation | str] = (),
    python: hm.Derivation | None = None,
    config_settings: Mapping[str, str] | None = None,
    **settings: Any,
) -> hm.Derivation:
    """A wheel, in a directory of its own, from an sdist or a source tree with a build backend of PEP 517.

    Args:
        name: of the derivation.
        src: an archive or a directory.
        requires: installed build requirements, as ``[build-system]`` asks for, and what they require in turn.
        inputs: libraries that native code is linked against.
        python: the interpreter that it is built for.
        config_settings: for the backend.
        settings: for ``mk_derivation``; ``import_check`` names modules that are imported before the tests. What
            ``check_phase`` runs finds the wheel installed in ``$tested``, which is in the path of ``$python``.
    """
    env = {
        "build_wheel": str(program("build_wheel.py")),
        "install_wheel": str(program("install_wheel.py")),
        **({"config_settings": json.dumps(config_settings, sort_keys=True)} if config_settings else {}),
        **settings.pop("env", {}),
    }
    settings.setdefault("do_check", "import_check" in settings or "check_phase" in settings)
    settings["before_check"] = f"installed_for_tests\n{settings.get('before_check', '')}"
    return mk_derivation(
        name=name, src=src, inputs=[_interpreter(python), *requires, *inputs], build_system=PYTHON, env=env, **settings
    )


def installed(
    wheel: hm.Derivation, *, name: str | None = None, python: hm.Derivation | None = None, meta: hm.Meta | None = None
) -> hm.Derivation:
    """A wheel in the place where it is imported from: ``lib/pythonX.Y/site-packages``, ``bin``, and its data.

    Args:
        wheel: a file, or a directory with one.
        name: of the derivation; where not given, the wheel's project and version.
        python: runs its scripts.
        meta: where not given, that of ``wheel``.
    """
    interpreter = f"{_interpreter(python)}/bin/python3"
    return hm.derivation(
        name=name or "-".join(["python", *wheel.name.removesuffix(".whl").removeprefix("python-").split("-")[:2]]),
        builder=interpreter,
        args=["-IB", str(program("install_wheel.py")), str(wheel), hm.placeholder("out"), interpreter],
        env={"PATH": _DEFAULT_PATH, "PYTHONHASHSEED": "0"},
        meta=meta or wheel.meta,
    )


def mk_virtual_environment(
    name: str, packages: Iterable[hm.Derivation], *, python: hm.Derivation | None = None, meta: hm.Meta | None = None
) -> hm.Derivation:
    """``bin/python`` that imports ``packages``, and their scripts; runs from its closure alone.

    Args:
        name: of the derivation.
        packages: installed ones, with all they need.
        python: the interpreter.
        meta: no part of the id.
    """
    interpreter = f"{_interpreter(python)}/bin/python3"
    return hm.derivation(
        name=name,
        builder=interpreter,
        args=["-IB", str(program("link_environment.py")), hm.placeholder("out"), interpreter, *map(str, packages)],
        env={"PATH": _DEFAULT_PATH},
        meta=meta or hm.Meta(),
    )


def mk_script(
    name: str,
    src: hm.Derivation | hm.Source,
    packages: Iterable[hm.Derivation] = (),
    *,
    python: hm.Derivation | None = None,
    meta: hm.Meta | None = None,
) -> hm.Derivation:
    """``bin/NAME``, a script of one file that imports ``packages`` wherever it is called from.

    Args:
        name: of the program.
        src: the file.
        packages: installed ones, with all they need.
        python: the interpreter.
        meta: no part of the id.
    """
    environment = mk_virtual_environment(f"{name}-environment", packages, python=python)
    return hm.derivation(
        name=name,
        builder=f"{_interpreter(python)}/bin/python3",
        args=[
            "-IB",
            str(program("adopt_script.py")),
            str(src),
            f"{hm.placeholder('out')}/bin/{name}",
            f"{environment}/bin/python",
        ],
        env={"PATH": _DEFAULT_PATH},
        meta=meta or hm.Meta(),
    )


def installed_pins(
    pins: Iterable[hm.Pin],
    *,
    recipes: Mapping[str, Recipe] | None = None,
    build_requirements: Mapping[str, hm.Derivation] | None = None,
    python: hm.Derivation | None = None,
) -> dict[str, hm.Derivation]:
    """Every Python project among ``pins``, installed, by name: wheels as they are, sdists built.

    Args:
        pins: of a group made by ``hermetica lock pypi``.
        recipes: by project, for each that is pinned as sdist.
        build_requirements: installed ones, by project.
        python: the interpreter.

    Raises:
        UnbuiltSdist: an sdist has no recipe, or its recipe a requirement that there is not.
    """
    known, available = recipes or {}, build_requirements or {}
    return {
        pin.name: installed(_wheel_of(pin, known, available, python), python=python)
        for pin in pins
        if pin.kind in {"wheel", "sdist"}
    }


def _wheel_of(
    pin: hm.Pin,
    recipes: Mapping[str, Recipe],
    available: Mapping[str, hm.Derivation],
    python: hm.Derivation | None,
) -> hm.Derivation:
    meta = hm.Meta(purl=f"pkg:pypi/{pin.name}@{pin.version}")
    if pin.kind == "wheel":
        return pin.fetch(meta)
    recipe = recipes.get(pin.name)
    missing = [name for name in recipe.requires if name not in available] if recipe else []
    if recipe is None or missing:
        raise UnbuiltSdist(
            f"{pin.name} {pin.version} is pinned as source, and "
            + (f"its recipe requires {', '.join(missing)}" if recipe else "no recipe says how to build it"),
            details=(("recipes", ", ".join(sorted(recipes))), ("build requirements", ", ".join(sorted(available)))),
            hint="lock it without --prefer sdist to take the wheel of the index",
        )
    return mk_wheel(
        name=f"python-{pin.name}-{pin.version}",
        src=pin.fetch(meta),
        requires=[available[name] for name in recipe.requires],
        inputs=recipe.inputs,
        python=python,
        meta=meta,
        **recipe.settings,
    )
