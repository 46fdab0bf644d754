"""``hermetica check``: realizes the checks of package sets; a check holds where its derivation can be realized."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hermetica.cli.causes import add_arguments as add_causes_arguments
from hermetica.cli.causes import require_one_kind
from hermetica.cli.realizing import add_build_options, realize
from hermetica.cli.status import EVALUATION, FAILED, NOT_REPRODUCIBLE
from hermetica.model import evaluation

if TYPE_CHECKING:
    import argparse

    from hermetica.cli.session import Session


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="all checks of ./pkgs.py where none is named")
    parser.add_argument("--pure", action="store_true", help="evaluate in other surroundings; ids must be the same")
    parser.epilog = (
        f"Exit status 0 where all checks hold; with --explain, where nothing changes any target, "
        f"{NOT_REPRODUCIBLE} where something does, {FAILED} where one cannot be built in the fixed world; with --pure, "
        f"{EVALUATION} where an id depends on more than the project."
    )
    add_causes_arguments(parser)
    add_build_options(parser)


def run(session: Session) -> int:
    """Realizes them all, whichever fail; the worst status of what failed."""
    require_one_kind(session.options)
    if session.options.pure:
        from hermetica.cli.purity import check_purity  # noqa: PLC0415 -- another command in all but name

        return check_purity(session, session.options.targets or ["./pkgs.py"])
    if session.options.explain:
        from hermetica.cli.causes import check_causes  # noqa: PLC0415 -- another command in all but name

        return check_causes(session, session.options.targets)
    session.options.keep_going = True
    with evaluation():
        texts = session.options.targets or ["./pkgs.py"]
        chosen = session.evaluator(texts).checks(texts)
        results, status = realize(session, list(dict.fromkeys(each.derivation for each in chosen)))
    by_id = {each.derivation.id: each for each in results}
    rows: list[dict[str, Any]] = []
    for each in chosen:
        result = by_id[each.derivation.id]
        rows.append({"check": each.name, "holds": result.outcome.is_success, "outcome": str(result.outcome)})
    lines = (f"{'holds' if row['holds'] else row['outcome']:<18}  {row['check']}" for row in rows)
    session.console.result({"format": "hermetica.check/1", "status": int(status), "checks": rows}, lines)
    return status
