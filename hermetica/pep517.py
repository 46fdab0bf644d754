"""A build backend of Python projects: ``pip wheel .`` builds the wheel as the project's own module of derivations says.

In ``pyproject.toml``::

    [build-system]
    requires = ["hermetica-build"]
    build-backend = "hermetica.pep517"

    [tool.hermetica]
    wheel = "pkgs.py:wheel"
    sdist = "pkgs.py:sdist"   # if there is one

Each names a target, whose output is the file or has it somewhere in it. It is realized by ``hermetica build``, so what
that says, of progress and of failures, is what the front end shows. Source: PEP 517.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from hermetica.errors import HermeticaError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["InvalidBackend", "NoDistribution", "UnsupportedOperation", "build_sdist", "build_wheel"]

_FILE: Final = "pyproject.toml"
_KINDS: Final = {"wheel": (".whl",), "sdist": (".tar.gz",)}


class InvalidBackend(HermeticaError):
    """A ``pyproject.toml`` that does not say what to build."""

    code = "HM705"


class NoDistribution(HermeticaError):
    """A target whose output has no distribution of the wanted kind in it, or several."""

    code = "HM706"


class UnsupportedOperation(Exception):
    """What this project's backend cannot build."""


def get_requires_for_build_wheel(config_settings: Mapping[str, Any] | None = None) -> list[str]:  # noqa: ARG001 -- PEP 517
    """Nothing: what a build needs, its derivation declares."""
    return []


def get_requires_for_build_sdist(config_settings: Mapping[str, Any] | None = None) -> list[str]:  # noqa: ARG001 -- PEP 517
    """Nothing, likewise."""
    return []


def build_wheel(
    wheel_directory: str,
    config_settings: Mapping[str, Any] | None = None,  # noqa: ARG001 -- PEP 517
    metadata_directory: str | None = None,  # noqa: ARG001 -- PEP 517
) -> str:
    """Realizes the wheel of the project in the working directory and copies it; the name of the file.

    Raises:
        SystemExit: the project names no target, it cannot be realized, or its output is no wheel; why is on stderr.
    """
    return _build("wheel", Path(wheel_directory))


def build_sdist(sdist_directory: str, config_settings: Mapping[str, Any] | None = None) -> str:  # noqa: ARG001 -- PEP 517
    """The same for its source distribution.

    Raises:
        UnsupportedOperation: the project has none.
    """
    return _build("sdist", Path(sdist_directory))


def _build(kind: str, directory: Path) -> str:
    try:
        return _copied(kind, _target(kind), directory)
    except HermeticaError as error:  # a front end would show it at the end of a traceback of its own
        from hermetica.cli.console import Console  # noqa: PLC0415 -- only where something went wrong
        from hermetica.cli.report import report  # noqa: PLC0415 -- only where something went wrong

        raise SystemExit(report(error, Console())) from error


def _copied(kind: str, target: str, directory: Path) -> str:
    with tempfile.TemporaryDirectory(prefix="hermetica-pep517-") as scratch:
        file = _distribution(kind, target, _realize(target, Path(scratch) / "result"))
        directory.mkdir(parents=True, exist_ok=True)
        place = directory / file.name
        shutil.copyfile(file, place)
    return file.name


def _target(kind: str) -> str:
    file = Path(_FILE)
    hint = f'[tool.hermetica]\n{kind} = "pkgs.py:{kind}"'
    try:
        document: Any = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidBackend(f"{file.absolute()} cannot be read", details=(("cause", str(error)),)) from error
    table: Any = document.get("tool", {}).get("hermetica", {})
    target: object = cast("dict[str, object]", table).get(kind) if isinstance(table, dict) else None
    if target is None and kind == "sdist":
        raise UnsupportedOperation(f"{file.absolute()} names no sdist: {hint}")
    if not isinstance(target, str) or not target:
        said = "does not say which target is the project's" if target is None else f"has no target but {target!r} as"
        raise InvalidBackend(f"{file.absolute()} {said} {kind}", hint=hint)
    place, colon, name = target.partition(":")
    return f"./{place}{colon}{name}" if place.endswith(".py") and "/" not in place else target


def _realize(target: str, link: Path) -> list[Path]:
    """Where the outputs of a target are, held by a link."""
    words = ["build", "--json", "--ui", "plain", "--out-link", str(link), target]
    ended = subprocess.run([sys.executable, "-m", "hermetica", *words], stdout=subprocess.PIPE, check=False)
    if ended.returncode:
        raise SystemExit(ended.returncode)
    rows: list[dict[str, Any]] = json.loads(ended.stdout)["results"]
    return [Path(output["on_disk"]) for row in rows for output in row["outputs"].values()]


def _distribution(kind: str, target: str, outputs: list[Path]) -> Path:
    ends = _KINDS[kind]
    files = [file for output in outputs for file in ([output] if output.is_file() else sorted(output.rglob("*")))]
    found = [file for file in files if file.is_file() and file.name.endswith(ends)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(file.name for file in (found or files)[:5]) or "nothing"
    raise NoDistribution(
        f"{target} has {len(found) if found else 'no'} {kind}{'s' if found else ''} in it, where one is wanted",
        details=(("has", names),),
        hint=f"the output of the target that [tool.hermetica] {kind} names is the file, or a directory with it",
    )
