"""hermetica: pure derivations, a sandbox without a network, a content-addressed store.

Write: ``derivation``, ``run``, ``text``; ``source``, ``fetchurl`` and its kin, ``unpack``; ``PackageSet`` with
``package``, ``matrix`` and ``check``; ``builder`` for functions that run inside the sandbox. None of it runs anything::

    words = hm.text("words", "hello")
    shout = hm.run("shout", "tr a-z A-Z < $words > $out", tools=[busybox], words=words)

Realize: ``Store``, or ``aio.open_store``, and errors below ``HermeticaError``, each with a code, a line and a way out::

    with hm.Store.open() as store:
        print(store.on_disk(store.realize(shout).out).read_text())

``import hermetica as hm`` loads nothing but this page: each name is imported when it is first used (PEP 562).
"""

from __future__ import annotations

TYPE_CHECKING = False  # the module that has it costs five milliseconds
if TYPE_CHECKING:
    from hermetica import aio, plugins
    from hermetica.auditing import Audit, Impurity, audited
    from hermetica.errors import EvaluationError, HermeticaError
    from hermetica.fetch.local import source, store_path
    from hermetica.fetch.lock import Lock, LockError, Pin
    from hermetica.functions import Builder, Out, builder
    from hermetica.model import (
        UNKNOWN,
        Derivation,
        Evaluation,
        Fields,
        FixedOutput,
        Input,
        Meta,
        Origin,
        OutputChecks,
        Source,
        build_graph,
        debian_rootfs,
        derivation,
        devshell,
        evaluation,
        fetchgit,
        fetchnix,
        fetchoci,
        fetchurl,
        fetchwith,
        placeholder,
        run,
        text,
        unpack,
    )
    from hermetica.packages import PackageSet, Variants, check, matrix, package
    from hermetica.realize import Event, Options, Outcome, Plan, PostBuild, Realization, Realizations, Store
    from hermetica.sandbox import Cancellation
    from hermetica_store.path import StorePath

__all__ = [
    "UNKNOWN",
    "Audit",
    "Builder",
    "Cancellation",
    "Derivation",
    "Evaluation",
    "EvaluationError",
    "Event",
    "Fields",
    "FixedOutput",
    "HermeticaError",
    "Impurity",
    "Input",
    "Lock",
    "LockError",
    "Meta",
    "Options",
    "Origin",
    "Out",
    "Outcome",
    "OutputChecks",
    "PackageSet",
    "Pin",
    "Plan",
    "PostBuild",
    "Realization",
    "Realizations",
    "Source",
    "Store",
    "StorePath",
    "Variants",
    "aio",
    "audited",
    "build_graph",
    "builder",
    "check",
    "debian_rootfs",
    "derivation",
    "devshell",
    "evaluation",
    "fetchgit",
    "fetchnix",
    "fetchoci",
    "fetchurl",
    "fetchwith",
    "matrix",
    "package",
    "placeholder",
    "plugins",
    "run",
    "source",
    "store_path",
    "text",
    "unpack",
]

__version__ = "0.1.0"

_HOMES = {
    "hermetica.auditing": ("Audit", "Impurity", "audited"),
    "hermetica.errors": ("EvaluationError", "HermeticaError"),
    "hermetica.fetch.local": ("source", "store_path"),
    "hermetica.fetch.lock": ("Lock", "LockError", "Pin"),
    "hermetica.functions": ("Builder", "Out", "builder"),
    "hermetica.packages": ("PackageSet", "Variants", "check", "matrix", "package"),
    "hermetica.realize": ("Event", "Options", "Outcome", "Plan", "PostBuild", "Realization", "Realizations", "Store"),
    "hermetica.sandbox": ("Cancellation",),
    "hermetica_store.path": ("StorePath",),
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'hermetica' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 -- part of being lazy

    if name in {"aio", "plugins"}:
        return import_module(f"hermetica.{name}")
    home = next((module for module, names in _HOMES.items() if name in names), "hermetica.model")
    value: object = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
