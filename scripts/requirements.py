"""Prints the requirements of dependency groups of pyproject.toml, one a line: for pips that know no groups."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"


def requirements(groups: dict[str, list[Any]], name: str) -> Iterator[str]:
    """The requirements of the group ``name``, those of the groups that it includes in their place."""
    for item in groups[name]:
        if isinstance(item, str):
            yield item
        else:
            yield from requirements(groups, item["include-group"])


def main(names: list[str]) -> None:
    """Prints each requirement once, in the order met."""
    groups = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["dependency-groups"]
    lines = dict.fromkeys(line for name in names for line in requirements(groups, name))
    sys.stdout.writelines(f"{line}\n" for line in lines)


if __name__ == "__main__":
    main(sys.argv[1:])
