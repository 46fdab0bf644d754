"""Runs a failed build once more under strace, to see which files it looked for. What it makes is thrown away."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING, Final

import attrs

from hermetica.errors import HermeticaError
from hermetica.realize.lacks import LACKS_SHOWN, Lack
from hermetica.realize.opened import OPTIONS, Lookup, lacking, lookups, undeclared
from hermetica.sandbox import run

if TYPE_CHECKING:
    from pathlib import Path

    from hermetica.model import Derivation
    from hermetica.realize.context import RunContext
    from hermetica.sandbox import SandboxSpec

FORMAT: Final = "hermetica.opened/1"
_FILES_MAX: Final = 20_000


class TracerMissing(HermeticaError):
    """Files are to be traced, and there is nothing here that could."""

    code = "HM136"


@attrs.frozen(kw_only=True)
class Traced:
    """What a build looked for in vain.

    Attributes:
        lacks: what it was, the last first.
        elsewhere: paths that this machine has and the sandbox has not.
    """

    lacks: tuple[Lack, ...]
    elsewhere: tuple[str, ...]


def find_tracer() -> tuple[str, str]:
    """The programs that trace a sandbox and end with it: setpriv and strace.

    Raises:
        TracerMissing: one of them is not installed.
    """
    found = {name: shutil.which(name) for name in ("setpriv", "strace")}
    if missing := [name for name, place in found.items() if place is None]:
        raise TracerMissing(
            f"files cannot be traced without {' and '.join(missing)}",
            hint="apt install strace util-linux, or what your system calls them",
        )
    return str(found["setpriv"]), str(found["strace"])


def trace_files(spec: SandboxSpec, derivation: Derivation, context: RunContext, record: Path, room: Path) -> Traced:
    """Runs a builder once more, and writes down every path that it named.

    Args:
        spec: its sandbox, in directories that nothing has run in.
        derivation: whose builder it is.
        context: the run's surroundings.
        record: where to write, one JSON document of the format ``hermetica.opened/1`` a line.
        room: an empty directory for what strace writes.

    Raises:
        TracerMissing: there is no strace here.
        SandboxError: the sandbox cannot be traced.
    """
    setpriv, strace = find_tracer()
    options = context.options
    run(
        spec,
        log=_discard,
        timeout_s=options.timeout_s,
        silence_timeout_s=options.silence_timeout_s,
        log_limit_bytes=options.log_limit_bytes,
        cancellation=context.cancellation,
        spawner=context.spawner(),
        tracer=(setpriv, "--pdeathsig", "KILL", strace, *OPTIONS, "-o", str(room / "p"), "--"),
    )
    found = lookups(_texts(room), spec.world.build_path)
    _write(record, derivation, found)
    path = [each for each in dict(spec.env).get("PATH", "").split(":") if each]
    elsewhere = [each for each in undeclared(found) if os.path.lexists(each)]
    return Traced(lacks=tuple(lacking(found, path)[:LACKS_SHOWN]), elsewhere=tuple(elsewhere[-LACKS_SHOWN:]))


def _texts(room: Path) -> list[str]:
    """What strace wrote of each process of the builder, in the order of their numbers.

    Those of bubblewrap come first, and the last of them is the one that turns to the new root.
    """
    files = sorted(room.iterdir(), key=lambda each: int(each.suffix[1:]))[:_FILES_MAX]
    texts = [each.read_text("utf-8", "surrogateescape") for each in files]
    turned = next((index for index, text in enumerate(texts) if "pivot_root(" in text), -1)
    return texts[turned + 1 :]


def _write(record: Path, derivation: Derivation, found: list[Lookup]) -> None:
    row = {"format": FORMAT, "drv": derivation.id.hex, "name": derivation.name}
    lines = [json.dumps({**row, "path": each.path, "found": each.found, "run": each.run}) for each in found]
    with record.open("a", encoding="utf-8") as file:
        file.write("".join(f"{line}\n" for line in lines))


def _discard(_output: bytes) -> None:
    """The build has a log already."""
