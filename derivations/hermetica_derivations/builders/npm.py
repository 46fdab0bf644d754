"""Applications of npm: the tree that ``package-lock.json`` describes, made of locked tarballs without asking anybody.

No lifecycle script of a package runs unless it is asked for. docs/npm.md says how to begin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import hermetica as hm
from hermetica_derivations.build_systems import BuildSystem
from hermetica_derivations.builders.npm_lock import Layout, Place, parse_layout
from hermetica_derivations.scripts import read
from hermetica_derivations.stdenv import mk_derivation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["NPM", "MissingTarball", "mk_npm_application"]

NPM: Final = BuildSystem(name="npm", phases=read("npm.sh"), words=frozenset({"lifecycle"}))
"""A project of Node.js whose ``node_modules`` are made of locked tarballs."""


class MissingTarball(hm.EvaluationError, LookupError):
    """A package of the tree has no pin."""

    code = "HM495"


def mk_npm_application(
    *,
    name: str,
    package_lock: str,
    pins: Iterable[hm.Pin],
    node: hm.Derivation,
    src: hm.Derivation | hm.Source | str | None = None,
    with_dev: bool = False,
    inputs: Sequence[hm.Derivation | str] = (),
    **settings: Any,
) -> hm.Derivation:
    """A project of npm with what it depends on, and its programs in ``bin``; runs from its closure alone.

    Args:
        name: of the derivation.
        package_lock: the text of ``package-lock.json``.
        pins: of a group that ``hermetica lock npm`` made from it.
        node: has ``bin/node``, which runs it.
        src: the project; where there is none, its dependencies' programs are what is wanted.
        with_dev: whether the build needs what the lock has for development alone.
        inputs: further ones.
        settings: for ``mk_derivation``: ``build_phase="tsc"`` finds programs of ``node_modules/.bin``; ``lifecycle``
            names packages whose install scripts are run.

    Raises:
        NpmLayoutError: the lock describes no tree that can be made.
        MissingTarball: a package has no pin: the lock has changed since.
    """
    layout = parse_layout(package_lock, "package-lock.json", with_dev=with_dev)
    settings.setdefault("do_strip", False)
    env = {"layout": str(hm.text("layout", manifest(layout, pins))), "project": layout.name or name}
    return mk_derivation(
        name=name,
        src=src,
        inputs=[node, *inputs],
        build_system=NPM,
        env={**env, **settings.pop("env", {})},
        **settings,
    )


def manifest(layout: Layout, pins: Iterable[hm.Pin]) -> str:
    """What the builder reads: a line for each package, link and program, in words without blanks."""
    tarballs = {(pin.name, pin.version): pin for pin in pins if pin.kind == "npm"}
    lines: list[str] = []
    for place in layout.places:
        directory, _, own = place.path.rpartition("node_modules/")
        source = f"link {place.link}" if place.link else f"package {_unpacked(place, tarballs)}"
        lines.append(f"{source} {place.path}")
        lines += [f"program {directory}node_modules/.bin/{program} {own}/{file}" for program, file in place.programs]
    lines += [f"export {program} {file}" for program, file in layout.exported()]
    return "".join(f"{line}\n" for line in lines)


def _unpacked(place: Place, tarballs: Mapping[tuple[str, str], hm.Pin]) -> hm.Derivation:
    pin = tarballs.get((place.name, place.version))
    if pin is None:
        raise MissingTarball(
            f"{place.path} is {place.name} {place.version}, which no pin has",
            hint="hermetica update makes the pins again from package-lock.json",
        )
    return hm.unpack(pin.fetch(hm.Meta(purl=f"pkg:npm/{place.name.replace('@', '%40')}@{place.version}")))
