"""Calls the build backend of the source tree in the working directory, and writes its wheel in the one way there is.

Usage: ``build_wheel.py DIRECTORY [SETTINGS]``: where the wheel is put, and JSON for the backend. Build requirements are
on ``PYTHONPATH``; none is looked for elsewhere. Sources: PEP 517, PEP 518.
"""

from __future__ import annotations

import importlib
import json
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

LEGACY_BACKEND = "setuptools.build_meta:__legacy__"
_EXECUTABLE, _PLAIN = 0o100755, 0o100644
_REGULAR_FILE_OF_UNIX = 3


def backend_of(pyproject: str) -> tuple[str, list[str]]:
    """The backend that a ``pyproject.toml`` names, and where in the tree it is looked for first."""
    table = tomllib.loads(pyproject).get("build-system", {})
    return table.get("build-backend", LEGACY_BACKEND), list(table.get("backend-path", []))


def load_backend(name: str, paths: list[str], tree: Path) -> Any:
    """The object that has the hooks.

    Raises:
        SystemExit: a path leads out of the tree, or the backend is not among the build requirements.
    """
    for path in reversed(paths):
        directory = (tree / path).resolve()
        if not directory.is_relative_to(tree.resolve()):
            raise SystemExit(f"backend-path leads out of the source tree: {path}")
        sys.path.insert(0, str(directory))
    module, _, attributes = name.partition(":")
    try:
        backend: Any = importlib.import_module(module)
    except ImportError as error:
        raise SystemExit(
            f"the build backend {module} cannot be imported: {error}; add what it needs to requires=[…]"
        ) from error
    for attribute in filter(None, attributes.split(".")):
        backend = getattr(backend, attribute)
    return backend


def normalise(wheel: Path, destination: Path) -> None:
    """Writes the wheel again: entries by name and its records last, one time, two modes, nothing compressed.

    What is compressed hides paths of the store, and so references, from those who scan for them.
    """
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(destination, "w", zipfile.ZIP_STORED) as new:
        entries = [entry for entry in old.infolist() if not entry.is_dir()]
        for entry in sorted(entries, key=lambda entry: (".dist-info/" in entry.filename, entry.filename)):
            written = zipfile.ZipInfo(entry.filename, date_time=(1980, 1, 1, 0, 0, 0))
            is_executable = entry.external_attr >> 16 & 0o111
            written.create_system = _REGULAR_FILE_OF_UNIX
            written.external_attr = (_EXECUTABLE if is_executable else _PLAIN) << 16
            new.writestr(written, old.read(entry))


def main() -> None:
    """Builds the wheel."""
    tree, destination = Path.cwd(), Path(sys.argv[1])
    pyproject = tree / "pyproject.toml"
    name, paths = backend_of(pyproject.read_text(encoding="utf-8") if pyproject.exists() else "")
    backend = load_backend(name, paths, tree)
    settings = json.loads("".join(sys.argv[2:]) or "{}")
    with tempfile.TemporaryDirectory(prefix="wheel-") as made:
        file = backend.build_wheel(made, settings, None)
        destination.mkdir(parents=True, exist_ok=True)
        normalise(Path(made) / file, destination / file)


if __name__ == "__main__":
    main()
