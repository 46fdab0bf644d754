"""On which machines a study was carried out, and whether builds of one may stand beside builds of another. Pure.

Two machines are one where nothing differs that a build, or a race in it, can hang on: the kernel, the processors, the
memory, and the contract of the sandbox. Versions of programs that no build sees are told and do not count.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from hermetica.errors import HermeticaError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_EXACT: Final = ("system", "kernel", "processor", "processors", "sandbox_contract")
_MEMORY_SHARE: Final = 16
"""Of the memory, one in so many bytes may differ: what a kernel keeps for itself does from one start to the next."""


class OtherMachine(HermeticaError):
    """A study is to go on with builds of another machine, or of this one before it was changed."""

    code = "HM696"


def hosts_of(events: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The facts of every host that a log names, each once, in their order."""
    hosts = (event["host"] for event in events if event["kind"] == "study-started")
    return list({json.dumps(host, sort_keys=True): host for host in hosts}.values())


def machines_of(events: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Of each machine that made a build, the facts that were told of it first."""
    found: list[Mapping[str, Any]] = []
    here: Mapping[str, Any] = {}
    for event in events:
        if event["kind"] == "study-started":
            here = event["host"]
        elif event["kind"] == "trial" and all(unlike(each, here) for each in found):
            found.append(here)
    return found


def unlike(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[tuple[str, str]]:
    """In what two hosts are not one machine: fact, and what it is of the first and of the other, for people."""
    names = [name for name in _EXACT if one.get(name) != other.get(name)]
    memory = [int(each.get("memory_bytes", 0)) for each in (one, other)]
    if (max(memory) - min(memory)) * _MEMORY_SHARE > max(memory):
        names.append("memory_bytes")
    return [(name.replace("_", " "), f"{one.get(name)} there, {other.get(name)} here") for name in names]


def require_machine(events: Iterable[Mapping[str, Any]], here: Mapping[str, Any], directory: str) -> None:
    """That the builds of a log, if there are any, were made on this machine, among others.

    Raises:
        OtherMachine: none of them was.
    """
    machines = machines_of(events)
    if machines and all(unlike(each, here) for each in machines):
        raise OtherMachine(
            f"{directory}: its builds were not made on this machine as it is now",
            details=tuple(unlike(machines[-1], here)),
            hint="go on where it was begun, or begin anew in another directory; with --mix-machines it goes on here, "
            "builds of both count alike, and the results say so",
        )
