"""``hermetica prefetch``: brings what a lock pins into the store, so that building needs no network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hermetica.cli.misuse import Misuse
from hermetica.cli.realizing import add_build_options, realize
from hermetica.cli.views.words import many
from hermetica.spelling import did_you_mean

if TYPE_CHECKING:
    import argparse

    from hermetica.cli.session import Session


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("groups", nargs="*", metavar="GROUP", help="groups of the lock; all without any")
    parser.add_argument("--lock", metavar="FILE", default="hermetica.lock", help="the lock (hermetica.lock)")
    add_build_options(parser)


def run(session: Session) -> int:
    """Fetches every pinned file that is not there yet, and keeps each under a root of the lock."""
    import hermetica as hm  # noqa: PLC0415 -- only what makes derivations needs the model

    options = session.options
    file = Path(options.lock)
    lock = hm.Lock.read(file)
    known = [group.name for group in lock.groups]
    for name in options.groups:
        if name not in known:
            raise Misuse(f"the lock has no group {name!r}", hint=did_you_mean(name, known) or f"it has {known}")
    with hm.evaluation():
        chosen = [group for group in lock.groups if not options.groups or group.name in options.groups]
        files = [(group.name, pin.fetch()) for group in chosen for pin in group.pins]
        results, status = realize(session, [derivation for _, derivation in files])
    for (group, _), result in zip(files, results.all, strict=True):
        if result.outcome.is_success:
            session.objects.add_root(f"prefetch/{file.resolve()}/{group}/{result.derivation.name}", result.out)
    session.console.say(f"{file}: {many(len(files) - len(results.failed), 'file')} of {len(files)} in the store")
    return status
