"""Dev shells: what a project's developers have at hand, as a derivation. Pure.

Its output is a document, not a script: ``hermetica shell`` and other tools read it. Its references keep the packages.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, cast

import attrs

from hermetica.model.builtins import text
from hermetica.model.derivation import InvalidDerivation
from hermetica.model.origin import user_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hermetica.model.derivation import Derivation
    from hermetica.model.source import Source

FORMAT: Final = "hermetica.devshell/1"
_PREFIX: Final = f'{{"format": "{FORMAT}", '
_FIELDS: Final = {"name": str, "path": list, "env": dict, "hook": str, "rootfs": str | None}


@attrs.frozen(kw_only=True)
class DevShell:
    """What the output of a dev shell says, with store paths in it.

    Attributes:
        name: of the derivation.
        path: directories of programs, in order.
        env: variables.
        hook: shell text that is run before the shell begins; what it exports stays.
        rootfs: the store path of a tree for ``/``.
    """

    name: str
    path: tuple[str, ...]
    env: Mapping[str, str]
    hook: str = ""
    rootfs: str | None = None


def devshell(
    name: str,
    packages: Sequence[Derivation | Source | str] = (),
    *,
    env: Mapping[str, str] | None = None,
    hook: str = "",
    rootfs: Derivation | str | None = None,
) -> Derivation:
    """What developers of a project have at hand: ``hermetica shell`` enters it.

    Args:
        name: of the derivation.
        packages: their ``bin`` directories make the front of the PATH, in order; a text such as ``f"{zlib:dev}"`` is
            another output.
        env: variables; placeholders in them become paths.
        hook: text for ``/bin/sh``, run before the shell begins; what it exports stays.
        rootfs: a tree at ``/`` in place of the host's, for tools that are found by absolute paths.

    Returns:
        A derivation whose output is a document of the format ``hermetica.devshell/1``.

    Raises:
        InvalidDerivation: a package is no path, or a variable no text.
    """
    origin = user_line()
    path: list[str] = []
    for place, package in enumerate(packages):
        if not str(package).startswith("/"):
            raise InvalidDerivation(
                f"{name}: packages[{place}] is no derivation: {package!r}",
                hint='write packages=[pkgs.zlib, f"{pkgs.zlib:dev}"]',
                origin=origin,
            )
        path.append(f"{package}/bin")
    for variable, value in (env or {}).items():
        if not isinstance(cast("object", value), str):
            raise InvalidDerivation(
                f"{name}: env[{variable!r}] is no text: {value!r}", hint="write str(...)", origin=origin
            )
    document = {"format": FORMAT, "name": name, "path": path, "env": dict(env or {}), "hook": hook}
    return text(name, json.dumps({**document, "rootfs": None if rootfs is None else str(rootfs)}) + "\n")


def read_devshell(content: bytes) -> DevShell | None:
    """The dev shell that a file describes; None where it is another file."""
    if not content.startswith(_PREFIX.encode()):
        return None
    try:
        document: dict[str, Any] = json.loads(content)
    except ValueError:
        return None
    if any(not isinstance(document.get(field), kind) for field, kind in _FIELDS.items()):
        return None
    return DevShell(
        name=document["name"],
        path=tuple(document["path"]),
        env=document["env"],
        hook=document["hook"],
        rootfs=document["rootfs"],
    )
