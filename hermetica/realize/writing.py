"""Runs a build once more under strace, to see which command of it writes which file. What it makes is thrown away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from hermetica.realize.build import prepare_spec, scratch_digest
from hermetica.realize.tracing import find_tracer
from hermetica.realize.written import OPTIONS, writers
from hermetica.sandbox import World, run
from hermetica_store import STORE_PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hermetica.realize.in_world import Workshop
    from hermetica.realize.written import Writer


def writers_of(shop: Workshop) -> dict[str, Writer]:
    """Who wrote each file of the outputs, by ``output/path``.

    Raises:
        TracerMissing: there is no strace here.
        SandboxError: the sandbox cannot be traced.
    """
    setpriv, strace = find_tracer()
    context, resolved = shop.context, shop.resolved
    with context.store.scratch() as scratch:
        world = World(jobs=context.options.cores)  # strace and the tracer of a clock cannot both be there
        spec = prepare_spec(resolved, context.store, context.options, scratch.path, world)
        room = scratch.path / "traced"
        room.mkdir()
        run(
            spec,
            log=_discard,
            timeout_s=context.options.timeout_s,
            silence_timeout_s=context.options.silence_timeout_s,
            log_limit_bytes=context.options.log_limit_bytes,
            cancellation=context.cancellation,
            spawner=context.spawner(),
            tracer=(setpriv, "--pdeathsig", "KILL", strace, *OPTIONS, "-o", str(room / "p"), "--"),
        )
        found = writers(_processes(room), spec.world.build_path)
    places = {
        f"{STORE_PREFIX}/{scratch_digest(resolved, output)}-{resolved.derivation.store_name(output)}": output
        for output in resolved.derivation.outputs
    }
    return {
        f"{output}{path.removeprefix(place)}": _spelled(writer, places)
        for place, output in places.items()
        for path, writer in found.items()
        if path == place or path.startswith(f"{place}/")
    }


def _spelled(writer: Writer, places: Mapping[str, str]) -> Writer:
    """The same with outputs by their names, as a build says them."""

    def spell(text: str) -> str:
        for place, output in places.items():
            text = text.replace(place, f"${output}")
        return text

    return attrs.evolve(writer, command=spell(writer.command), callers=tuple(map(spell, writer.callers)))


def _processes(room: Path) -> dict[int, str]:
    """What strace wrote of each process, by its number as the host counts."""
    files = sorted(room.iterdir(), key=lambda each: int(each.suffix[1:]))
    return {int(each.suffix[1:]): each.read_text("utf-8", "surrogateescape") for each in files}


def _discard(_output: bytes) -> None:
    """What it says was said before."""
