"""``hermetica check --explain``: why targets are not reproducible, and what to do about it."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hermetica.cli.diffoscope import add_diffoscope_arguments, diffoscope_of
from hermetica.cli.inputs import realize_inputs
from hermetica.cli.misuse import Misuse
from hermetica.cli.realizing import cancelling, positive, run_options
from hermetica.cli.status import FAILED, INTERRUPTED, NOT_REPRODUCIBLE, OK, ExitStatus, combine, status_of
from hermetica.cli.studying import Progress, show_failures
from hermetica.model import evaluation

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence

    from hermetica.cli.session import Session
    from hermetica.study.declaration import Study
    from hermetica.study.verdict import Verdict


_OF_A_RUN: Final = ("events", "report", "trace")
"""Options of a run that is shown; there is none where builds only try worlds."""


_OF_EXPLAIN: Final = ("builds", "tier", "compare", "study", "diffoscope", "diffoscope_timeout", "mix_machines")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    group = parser.add_argument_group("reproducibility")
    group.add_argument("--explain", action="store_true", help="say why targets are not reproducible, and what to do")
    group.add_argument("--builds", type=positive, metavar="N", help="builds of each target at most (45)")
    group.add_argument("--tier", choices=("T0", "T2", "T3"), help="how much of the world is fixed (all that can be)")
    group.add_argument(
        "--compare",
        choices=("bitwise", "normalised", "stabilised"),
        help="what counts as a difference (normalised: what a store keeps)",
    )
    group.add_argument("--study", metavar="DIRECTORY", help="keep what was built there, and go on from what it holds")
    add_diffoscope_arguments(group.add_argument, "where it is installed")
    group.add_argument("--mix-machines", action="store_true", help="go on though that was built on another machine")


def require_one_kind(options: Any) -> None:
    """That options of one kind of check are not given with another, where they would do nothing.

    Raises:
        Misuse: they are.
    """
    if options.pure and options.explain:
        raise Misuse("--pure and --explain are two checks", hint="one after the other")
    if not options.explain and (idle := [name for name in _OF_EXPLAIN if getattr(options, name)]):
        option = f"--{idle[0].replace('_', '-')}"
        raise Misuse(f"{option} does nothing without --explain", hint=f"hermetica check --explain {option} …")


def check_causes(session: Session, texts: Sequence[str]) -> int:
    """Builds each target in many worlds, and says what changes it; 104 where anything does, 100 where it is never.

    Raises:
        Misuse: no target is named.
    """
    _require_meaning(session.options, texts)
    from hermetica.realize.options import Options  # noqa: PLC0415 -- only where something is built
    from hermetica.sandbox import Cancellation  # noqa: PLC0415 -- only where something is built
    from hermetica.study.carrying import Carrier  # noqa: PLC0415 -- only where something is built
    from hermetica.study.design import builds_max  # noqa: PLC0415 -- only where something is built

    with evaluation(), ExitStack() as held:
        chosen = session.evaluator(texts).derivations(texts)
        targets = {each.name: each.derivation for each in chosen}
        kept = session.options.study
        if interrupted := realize_inputs(session, targets.values()):
            return interrupted
        directory = Path(kept or held.enter_context(tempfile.TemporaryDirectory(prefix="hermetica-study-")))
        study = _study(session, tuple(targets))
        progress = held.enter_context(Progress(session, len(targets), builds_max(study)))
        cancellation = Cancellation()
        carrier = Carrier(
            study=study,
            store=session.store,
            options=Options(**run_options(session)),
            cancellation=cancellation,
            diffoscope=diffoscope_of(session, wanted=True),
            writers=True,
            mix_machines=session.options.mix_machines,
            tell=progress,
            on_event=progress.log,
        )
        with cancelling(cancellation) as received:
            ended = carrier.run(targets, directory)
        progress.close()
        if received:
            session.console.say("interrupted" + (f"; --study {kept} goes on from here" if kept else ""))
            return 128 + received[0]
        verdicts = _verdicts(targets, directory, ended.finished)
        _print(session, verdicts)
    show_failures(session, ended)
    statuses = [*map(status_of, ended.failures.values()), *map(_status, verdicts)]
    return combine([*statuses, INTERRUPTED if ended.stopped else OK])


def _require_meaning(options: Any, texts: Sequence[str]) -> None:
    if not texts:
        raise Misuse("--explain: which target?", hint="hermetica check --explain ./pkgs.py:NAME")
    if idle := [name for name in _OF_A_RUN if getattr(options, name)]:
        raise Misuse(
            f"--{idle[0]} tells of one run; --explain builds in many worlds",
            hint="--study DIRECTORY keeps every build; for a page of it: hermetica study run STUDY.toml -o FILE",
        )


def _status(verdict: Verdict) -> ExitStatus:
    """What a verdict ends with: what is never built differs from nothing."""
    if verdict.attribution.failed:
        return FAILED
    return OK if verdict.is_reproducible else NOT_REPRODUCIBLE


def _study(session: Session, targets: tuple[str, ...]) -> Study:
    from hermetica.sandbox import Tier  # noqa: PLC0415 -- neither help nor completion needs it
    from hermetica.study.comparing import Alike  # noqa: PLC0415 -- neither help nor completion needs it
    from hermetica.study.declaration import Budget, Study, all_factors  # noqa: PLC0415 -- neither help nor completion needs it
    from hermetica.study.space import BUILDS_LEAST, BUILDS_MAX  # noqa: PLC0415 -- neither help nor completion needs it

    options = session.options
    if options.builds is not None and options.builds < BUILDS_LEAST:
        raise Misuse(f"--builds {options.builds}: the fixed world alone is built {BUILDS_LEAST} times")
    tier = None if options.tier is None else Tier[options.tier]
    return Study(
        name="explain",
        targets=targets,
        tier=tier,
        compare=Alike(options.compare or Alike.NORMALISED),
        factors=all_factors(Tier.T3 if tier is None else tier),
        budget=Budget(builds_per_target=options.builds or BUILDS_MAX),
        timeout_s=options.timeout or session.config.timeout_s,
    )


def _verdicts(targets: Iterable[str], directory: Path, finished: Sequence[str]) -> list[Verdict]:
    from hermetica.study.log import read_log  # noqa: PLC0415 -- neither help nor completion needs it
    from hermetica.study.verdict import verdicts_of  # noqa: PLC0415 -- neither help nor completion needs it

    found = {each.target: each for each in verdicts_of(read_log(directory))}
    return [found[name] for name in targets if name in finished]


def _print(session: Session, verdicts: Sequence[Verdict]) -> None:
    from hermetica.study.verdict import FORMAT  # noqa: PLC0415 -- neither help nor completion needs it

    document: dict[str, Any] = {"format": FORMAT, "targets": [each.to_json() for each in verdicts]}
    lines = [line for number, each in enumerate(verdicts) for line in ([""] if number else []) + list(each.lines())]
    session.console.result(document, lines)
