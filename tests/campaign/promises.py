"""What the processes of a campaign were told is durable, and whether the store still says so.

Each writes a line before it changes something (``will``) and one after it was told that the change is durable
(``did``). A key is changed by one process at a time, so after a crash its value is that of the last ``did`` or of a
``will`` after it, and nothing else.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.campaign.checker import State

_WEAK: Final = ("object ", "row ")  # promised until somebody collects


@attrs.frozen
class Journal:
    """Where processes write their lines; taken whole or not at all, in order.

    Attributes:
        path: of the file.
    """

    path: Path

    def write(self, kind: str, key: str = "", value: Any = None) -> None:
        """Add a line."""
        line = json.dumps([kind, key, value]).encode() + b"\n"
        fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        os.write(fd, line)
        os.close(fd)

    def will(self, key: str, value: str | None) -> None:
        """Before a change."""
        self.write("will", key, value)

    def did(self, key: str, value: str | None) -> None:
        """After it is durable."""
        self.write("did", key, value)

    def take(self) -> list[tuple[str, str, Any]]:
        """Every line, which are forgotten."""
        if not self.path.exists():
            return []
        lines = [tuple(json.loads(line)) for line in self.path.read_bytes().splitlines()]
        self.path.unlink()
        return lines


@attrs.define
class Promises:
    """What may be true.

    Attributes:
        allowed: key -> every value that it may have.
        damaged: base names of objects that a process damaged on purpose and had not repaired.
        complaints: what processes found wrong themselves.
        census: workload -> how often each step was reached in one run.
        kept: how many promises were looked at.
    """

    allowed: dict[str, list[str | None]] = attrs.field(factory=dict[str, list["str | None"]])
    damaged: set[str] = attrs.field(factory=set[str])
    complaints: list[str] = attrs.field(factory=list[str])
    census: dict[str, Counter[str]] = attrs.field(factory=dict[str, Counter[str]])
    kept: int = 0

    def hear(self, lines: list[tuple[str, str, Any]]) -> None:
        """Take lines in order."""
        damaged = self.damaged | {key for kind, key, _ in lines if kind == "damages"}
        for kind, key, value in lines:
            if kind == "will":
                self.allowed.setdefault(key, [None]).append(value)
            elif kind == "did":
                self.allowed[key] = [value]
            elif kind == "forget":
                self.allowed.pop(key, None)
            elif kind == "damages":
                self.damaged.add(key)
            elif kind == "repaired":
                self.damaged.discard(key)
            elif kind == "complaint" and not any(base[:32] in str(value) for base in damaged):
                self.complaints.append(f"{key}: {value}")
            elif kind == "census":
                self.census[key] = Counter[str](value) | self.census.get(key, Counter[str]())
        if any(kind == "collects" for kind, _, _ in lines):
            self.allowed = {key: each for key, each in self.allowed.items() if not key.startswith(_WEAK)}

    def check(self, found: Mapping[str, str]) -> list[str]:
        """Which promises are broken, by what is there; what is there is what holds from now on."""
        problems = self.complaints
        self.complaints = []
        for key, values in self.allowed.items():
            value = found.get(key)
            if value not in values:
                problems.append(f"{key} is {value}, promised was {' or '.join(map(str, values))}")
            self.kept += 1
        self.allowed = {key: [found[key]] for key in self.allowed if key in found}
        return problems


def facts(state: State, outside: Mapping[str, str]) -> dict[str, str]:
    """What is there, by the keys of promises."""
    found = {f"root {name.decode()}": base.decode() for name, base in state.roots.items()}
    found |= {f"object {base.decode()}": "there" for base in state.objects}
    found |= {f"row {key.hex()}": value[8 + value[1] :].hex() for key, value in state.rows("attributes")}
    found |= {f"record {key.hex()}": "there" for key, _ in state.rows("records")}
    return {**found, **outside}
