"""Modules of users, written to files and imported from there as the command line imports them."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, Protocol

import pytest

import hermetica as hm
from hermetica.cli.modules import load_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HEAD = """\
from __future__ import annotations
import hermetica as hm

python = hm.store_path("/hermetica/store/hx111111111111111111111111111111-python")
"""


class Write(Protocol):
    """Imports a module of a user."""

    def __call__(self, text: str, *, name: str = "pkgs.py", head: str = HEAD) -> Any:
        """The module with this text, ``python`` and ``hm`` at hand."""
        ...


@pytest.fixture(autouse=True)
def scope() -> Iterator[hm.Evaluation]:
    with hm.evaluation() as fresh:
        yield fresh


@pytest.fixture
def module(tmp_path: Path) -> Write:
    """Each call makes a directory of its own, so that two modules can have one name."""
    made: list[Path] = []

    def write(text: str, *, name: str = "pkgs.py", head: str = HEAD) -> Any:
        file = tmp_path / f"project-{len(made)}" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        made.append(file)
        file.write_text(head + textwrap.dedent(text), encoding="utf-8")
        return load_file(file)

    return write


def texts(derivation: hm.Derivation) -> dict[str, str]:
    """The texts that a builder takes along, by name."""
    structured: Any = derivation.structured
    return dict(structured["function"]["texts"])
