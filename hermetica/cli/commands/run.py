"""``hermetica run``: realizes a target and runs its program in a sandbox that holds its closure and nothing else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hermetica.cli.attribute_paths import keep
from hermetica.cli.realizing import add_build_options, realize
from hermetica.cli.status import HOOK_FAILED, OK
from hermetica.cli.targets import UnknownTarget
from hermetica.model import evaluation
from hermetica.spelling import did_you_mean

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from hermetica.cli.session import Session
    from hermetica.cli.targets import Selected
    from hermetica_store import StorePath


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("target", metavar="TARGET")
    parser.add_argument("arguments", nargs="...", metavar="ARGUMENTS", help="for the program; options of run go before")
    parser.add_argument("--program", metavar="NAME", help="which program of bin/ to run")
    add_build_options(parser)


def run(session: Session) -> int:
    """Runs the program; its exit status."""
    with evaluation(), session.objects.lease() as lease:
        targets = session.evaluator([session.options.target])
        selected = targets.one(session.options.target)
        results, status = realize(session, [selected.derivation], lease=lease)
        if status not in {OK, HOOK_FAILED}:
            return status
        keep(session, targets, [(selected, results.all[0])])
        path = results.all[0][selected.outputs[0]]
        program = _program(session.objects.on_disk(path), path, selected, session.options.program)
        return enter(session, path, (program, *session.options.arguments, *session.options.rest))


def enter(session: Session, path: StorePath, command: tuple[str, ...]) -> int:
    """Runs a command in a sandbox with the closure of an object, on the caller's terminal; its exit status."""
    from hermetica.sandbox import Mount, SandboxSpec  # noqa: PLC0415 -- only a run needs it
    from hermetica.sandbox import enter as enter_sandbox  # noqa: PLC0415 -- only a run needs it

    objects = session.objects
    with objects.lease() as lease, objects.scratch() as scratch:
        closure = objects.closure([path])
        if lease.hold(closure) != frozenset(closure):
            raise collected_meanwhile(path)
        for name in ("build", "store"):
            (scratch.path / name).mkdir(mode=0o755)
        spec = SandboxSpec(
            builder=command[0],
            args=command[1:],
            env=(("TERM", os.environ.get("TERM", "dumb")),),
            inputs=tuple(Mount(str(objects.on_disk(each)), str(each)) for each in closure),
            store_dir=str(scratch.path / "store"),
            build_dir=str(scratch.path / "build"),
            terminal=True,
        )
        return enter_sandbox(spec, command)


def collected_meanwhile(path: StorePath) -> UnknownTarget:
    """What was just realized is gone: a collection came between."""
    return UnknownTarget(f"{path} was collected meanwhile", hint="run it again")


def _program(place: Path, path: StorePath, selected: Selected, wanted: str | None) -> str:
    if place.is_file() and wanted is None:
        if not os.access(place, os.X_OK):
            raise UnknownTarget(f"{selected.name} is a file, and no program", hint="its builder can chmod +x $out")
        return str(path)
    directory = place / "bin"
    found = sorted(each.name for each in directory.iterdir()) if directory.is_dir() else []
    stem = selected.derivation.name.split("-", maxsplit=1)[0]
    name = wanted or (found[0] if len(found) == 1 else stem)
    if name not in found:
        raise UnknownTarget(
            f"{selected.name} has no program {name}",
            details=(("programs", ", ".join(found) or f"none: {path.base} has no bin directory with anything in it"),),
            hint=did_you_mean(name, found) or ("--program NAME" if found else None),
        )
    return f"{path}/bin/{name}"
