"""``hermetica shell``: realizes targets, and begins a shell that has their programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermetica.cli.attribute_paths import keep
from hermetica.cli.commands.run import collected_meanwhile
from hermetica.cli.realizing import add_build_options, realize
from hermetica.cli.shells import Surroundings, merge
from hermetica.cli.status import HOOK_FAILED, OK
from hermetica.model import evaluation

if TYPE_CHECKING:
    import argparse

    from hermetica.cli.session import Session


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.usage = "hermetica shell [--pure] TARGETS… [-- COMMAND …]"
    parser.add_argument("targets", metavar="TARGETS", nargs="+", help="packages, and what hm.devshell made")
    parser.add_argument(
        "--pure",
        action="store_true",
        help="a sandbox: the targets, this directory as /build, no other file, no variable, no network",
    )
    add_build_options(parser)


def run(session: Session) -> int:
    """Runs the shell, or the command after ``--``; its exit status."""
    options = session.options
    with evaluation(), session.objects.lease() as lease:
        targets = session.evaluator(options.targets)
        chosen = targets.derivations(options.targets)
        results, status = realize(session, [each.derivation for each in chosen], lease=lease)
        if status not in {OK, HOOK_FAILED}:
            return status
        pairs = list(zip(chosen, results.all, strict=True))
        keep(session, targets, pairs)
        paths = [result[output] for each, result in pairs for output in each.outputs]
        closure = session.objects.closure(paths)
        if lease.hold(closure) != frozenset(closure):
            raise collected_meanwhile(paths[0])
        shell = merge(session.objects, paths)
        surroundings = Surroundings(objects=session.objects, closure=tuple(closure), shell=shell)
        command = tuple(options.rest)
        if options.pure or shell.rootfs is not None:
            return surroundings.enter_alone(command)
        return surroundings.enter_on_host(command)
