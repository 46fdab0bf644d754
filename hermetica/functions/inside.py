"""Runs a builder in Python inside the sandbox, on whatever interpreter is pinned: from 3.8 on, standard library alone.

Not imported by hermetica: its text is an input of every builder in Python, so a change to this file changes their ids.
What it runs is compiled under names by which the host finds the user's own lines: ``<builder NAME>``, where lines count
from the first of each text. Source: docs/python-builders.md.
"""

from __future__ import annotations
import __future__ as future

import binascii
import json
import linecache
import os
import re
import sys
from pathlib import Path
from types import MappingProxyType, ModuleType

TYPE_CHECKING = False  # the module that has it costs every build five milliseconds
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_PLACES = ("lib/python{0}.{1}/site-packages", "usr/lib/python3/dist-packages", "lib/python3/dist-packages")


class Out:
    """An output, to be made at ``path``."""

    def __init__(self, path: str) -> None:
        self.path = Path(path)

    def __str__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path}>"


class Input(Out):
    """A derivation or a source, to be read at ``path``."""


_TYPES: dict[str, Callable[[Any], Any]] = {
    "bytes": binascii.a2b_base64,
    "dict": lambda pairs: {decode(key): decode(value) for key, value in pairs},
    "float": float.fromhex,
    "frozenset": lambda items: frozenset(map(decode, items)),
    "input": Input,
    "int": lambda text: int(text, 16),
    "mapping": lambda pairs: MappingProxyType({decode(key): decode(value) for key, value in pairs}),
    "pattern": lambda pair: re.compile(decode(pair[0]), pair[1]),
    "set": lambda items: set(map(decode, items)),
    "tuple": lambda items: tuple(map(decode, items)),
}


def decode(value: Any) -> Any:
    """The value that JSON stands for. Source: hermetica.functions.values."""
    if value.__class__ is list:
        return [decode(item) for item in value]
    if value.__class__ is dict:
        ((name, form),) = value.items()
        return _TYPES[name](form)
    return value


def search_path(trees: list[str]) -> list[str]:
    """Where the modules of each tree are: its site-packages, or the tree itself."""
    found: list[str] = []
    for tree in map(Path, trees):
        places = (tree / place.format(*sys.version_info) for place in _PLACES)
        found.append(str(next((place for place in places if place.is_dir()), tree)))
    return found


def define(name: str, text: str, module: ModuleType) -> None:
    """Runs one text in ``module``, so that tracebacks can show its lines."""
    file = f"<builder {name}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    code = compile(text, file, "exec", flags=future.annotations.compiler_flag, dont_inherit=True)
    exec(code, vars(module))  # noqa: S102 -- what this program is for


def run(job: dict[str, Any], outputs: dict[str, str]) -> None:
    """Defines what a builder took along, and calls it."""
    sys.path[:] = search_path(job["packages"]) + sys.path
    module = sys.modules["builder"] = ModuleType("builder")
    define("imports", job["imports"], module)
    vars(module).update({name: decode(value) for name, value in job["constants"].items()})
    for name, text in job["texts"]:
        define(name, text, module)
    made = [Out(outputs[name]) for name in job["outputs"]]
    getattr(module, job["name"])(*made, *decode(job["positional"]), **decode(job["named"]))


def main() -> None:
    """Runs the builder that the attributes of the derivation hold; what it raises is shown without this file."""
    attributes = json.loads(Path(os.environ["HERMETICA_ATTRS"]).read_text(encoding="utf-8"))
    here = str(Path(__file__).parent)
    sys.path[:] = [place for place in sys.path if place not in {"", here}]
    try:
        run(attributes["function"], attributes["outputs"])
    except Exception as error:  # noqa: BLE001 -- whatever the builder raises
        import traceback  # noqa: PLC0415 -- only what fails pays for it

        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
            trace = trace.tb_next
        sys.stdout.flush()
        traceback.print_exception(type(error), error, trace)
        sys.exit(1)


if __name__ == "__main__":
    main()
