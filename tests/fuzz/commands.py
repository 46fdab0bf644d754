"""Fuzz target of the command line: any words at all end in a status that is not that of a defect.

Only commands that look are carried out; what would build, collect or write is parsed alone. Words are separated by
line ends, for none can stand in an argument that a terminal sends.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import io
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hermetica.cli.main import main
from hermetica.cli.misuse import Misuse
from hermetica.cli.parser import COMMANDS, command_index, parse
from hermetica.cli.status import INTERNAL
from hermetica_store import ObjectStore
from hermetica_store.remove import remove_tree
from tests.fuzz.target import BrokenPromise, Target

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

_LOOKS: Final = frozenset(
    {"ls", "show", "log", "query", "explain", "diff", "graph", "size", "why-depends", "version", "completion", "config"}
)
_MODULE: Final = "./pkgs.py"
_WORDS: Final = tuple(
    word.encode()
    for word in (
        *COMMANDS,
        *("--json", "--store", "--ui", "--color", "-v", "--help", "--", "--", "-", "--all", "--size", "--in"),
        *("references", "closure", "path-info", "deps", "rdeps", "info", "verify", "list", "add", "bash"),
        *(_MODULE, f"{_MODULE}:a", f"{_MODULE}:a^out", f"{_MODULE}:*", "hx", "/hermetica/store/", "\n", "plain"),
    )
)


@functools.cache
def _place() -> Path:
    """A directory with a module and a store."""
    place = Path(tempfile.mkdtemp(prefix="hermetica-fuzz-commands-"))
    atexit.register(remove_tree, place)
    (place / "pkgs.py").write_text(
        "import hermetica as hm\n"
        "a = hm.derivation(name='a', builder='/bin/sh')\n"
        "b = hm.derivation(name='b', builder=f'{a}/sh')\n",
        encoding="utf-8",
    )
    with ObjectStore.open(place / "store") as store, store.lease() as lease:
        path = store.add_bytes(b"content", "thing", lease=lease)
        store.add_root("root", path)
    return place


@contextlib.contextmanager
def _inside(place: Path) -> Generator[None]:
    before, environment = Path.cwd(), dict(os.environ)
    os.chdir(place)
    os.environ |= {"HERMETICA_STORE": str(place / "store"), "HOME": str(place), "NO_COLOR": "1"}
    try:
        yield
    finally:
        os.chdir(before)
        os.environ.clear()
        os.environ |= environment


def _is_harmless(words: Sequence[str]) -> bool:
    """Whether carrying it out reads nothing but the place, and imports no module of this machine."""
    at = command_index(words)
    if at is None:
        return True
    foreign = any(
        word.startswith("--store") or (word.partition("^")[0].partition(":")[0] not in {"", _MODULE} and _imports(word))
        for word in (*words[at + 1 :], *words[:at])
    )
    return words[at] in _LOOKS and not foreign


def _imports(word: str) -> bool:
    return word.partition(":")[0].replace(".", "").isidentifier() and ":" in word


def _command_line(data: bytes) -> None:
    words = data.replace(b"\0", b"").decode("utf-8", "surrogateescape").split("\n")[:12]
    silent = io.StringIO()
    with _inside(_place()), contextlib.redirect_stdout(silent), contextlib.redirect_stderr(silent):
        if not _is_harmless(words):
            with contextlib.suppress(Misuse, SystemExit):
                parse(words)
            return
        if main(words) == INTERNAL:
            raise BrokenPromise(f"a defect for {words}: {silent.getvalue()[-600:]}")


TARGETS = (Target("command-line", _command_line, _WORDS),)
