"""``hermetica develop``: enters the sandbox that a build would have, or that of a failed build that was kept."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from hermetica.cli.misuse import Misuse
from hermetica.cli.realizing import add_build_options, realize
from hermetica.cli.status import HOOK_FAILED, OK
from hermetica.model import evaluation

if TYPE_CHECKING:
    import argparse

    from hermetica.cli.session import Session
    from hermetica.sandbox import World


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.usage = (
        "hermetica develop TARGET [-- COMMAND …]\n       hermetica develop --failed [DIR | TARGET] [-- COMMAND …]"
    )
    parser.add_argument(
        "target", metavar="TARGET", nargs="?", help="whose inputs are realized, and whose build is entered"
    )
    parser.add_argument(
        "--failed",
        metavar="DIR | TARGET",
        nargs="?",
        const="",
        help="what `hermetica build --keep-failed` kept: where, or of which target; the newest without either",
    )
    add_build_options(parser)


def run(session: Session) -> int:
    """Runs the builder's shell, or the command after ``--``, where the build is, or failed; its exit status."""
    options = session.options
    if options.failed is not None and options.target is None:
        from hermetica.realize.kept import enter_kept, load  # noqa: PLC0415 -- asked for nowhere else

        directory = _kept(session, options.failed)
        if not options.rest:
            _tell_of(session, load(directory).world)
        return enter_kept(directory, options.rest or None)
    if options.target is None or options.failed is not None:
        raise Misuse("hermetica develop: one of TARGET and --failed is wanted", hint="hermetica develop --help")
    return _enter(session, options.target, options.rest or None)


def _enter(session: Session, text: str, command: list[str] | None) -> int:
    from hermetica.realize.entering import BUILD_FILE, check_enterable, enter_build  # noqa: PLC0415 -- neither help nor completion needs it
    from hermetica.realize.sources import add_sources  # noqa: PLC0415 -- neither help nor completion needs it
    from hermetica.realize.tiers import tier_for, world_at  # noqa: PLC0415 -- neither help nor completion needs it

    with evaluation(), session.objects.lease() as lease:
        derivation = session.evaluator([text]).one(text).derivation
        check_enterable(derivation, command)
        tier = tier_for(derivation, session.config.clock)
        used = list(dict.fromkeys(each for _, each in derivation.inputs.derivations))
        if used:
            results, status = realize(session, used, lease=lease)
            if status not in {OK, HOOK_FAILED}:
                return status
            by_id = {result.derivation.input_id: result for result in results}
        else:
            by_id = {}
        paths = {token: by_id[each.input_id][token.output] for token, each in derivation.inputs.derivations}
        add_sources(derivation, session.objects, lease)
        if not command:
            session.console.say(
                f"in the sandbox of {derivation.name}: its inputs and its environment are there, "
                f"{_outputs(derivation.outputs)} still to be made; `. /build/{BUILD_FILE}` runs what the build "
                "would run, `exit` leaves"
            )
            _tell_of(session, world_at(tier, 1))
        cores = session.options.cores or session.config.cores
        return enter_build(session.objects, derivation, paths, command, cores=cores, tier=tier)


def _tell_of(session: Session, world: World) -> None:
    from hermetica.realize.entering import stands_still  # noqa: PLC0415 -- neither help nor completion needs it

    if held := stands_still(world):
        session.console.say(f"{held}, as in the build; gdb, strace and the like cannot trace programs here")


def _outputs(names: tuple[str, ...]) -> str:
    shown = " and ".join(f"${name}" for name in names)
    return f"{shown} {'is' if len(names) == 1 else 'are'}"


def _kept(session: Session, text: str) -> Path:
    from hermetica.realize.kept import newest  # noqa: PLC0415 -- neither help nor completion needs it

    if text and (Path(text).is_dir() or (os.sep in text and not Path(text.partition(":")[0]).is_file())):
        return Path(text).resolve()
    scratch_root = session.objects.root / "tmp"
    if not text:
        return newest(scratch_root)
    with evaluation():
        return newest(scratch_root, session.evaluator([text]).one(text).derivation.name)
