"""``hermetica explain``: why a target will be built or is reused, and what changed since it was realized last."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from hermetica.cli.members import Unmade
from hermetica.model import closure, evaluation

if TYPE_CHECKING:
    import argparse

    from hermetica.cli.session import Session


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("targets", nargs="+", metavar="TARGET")


def run(session: Session) -> int:
    """Explains each target; runs nothing."""
    from hermetica.cli.views.explained import FORMAT, explanation_json, explanation_lines  # noqa: PLC0415 -- completion needs none
    from hermetica.realize.explaining import Asked, explain  # noqa: PLC0415 -- completion needs none

    with evaluation():
        targets = session.evaluator(session.options.targets)
        chosen = targets.derivations(session.options.targets)
        asked = [Asked(name=each.name, path=each.path, derivation=each.derivation) for each in chosen]
        beside = targets.beside(session.options.targets, Unmade.TRY)  # who depends on a target is asked of all
        graph = closure(each.derivation for each in (*beside, *chosen))
        found = explain(session.store, asked, graph)
    now_s = time.time()
    document = {"format": FORMAT, "explained": [explanation_json(each) for each in found]}
    session.console.result(document, (line for each in found for line in explanation_lines(each, now_s, _place)))
    return 0


def _place(origin: str) -> str:
    """A line of a file, relative to the working directory where it is below."""
    return os.path.relpath(origin) if origin.startswith(f"{Path.cwd()}/") else origin
