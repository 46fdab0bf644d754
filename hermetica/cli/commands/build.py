"""``hermetica build``: realizes targets; stdout is where their outputs are."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from hermetica.cli.attribute_paths import keep
from hermetica.cli.misuse import Misuse
from hermetica.cli.realizing import add_build_options, positive, realize
from hermetica.cli.recall.keep import Memory
from hermetica.cli.status import status_name, status_of
from hermetica.model import evaluation

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from hermetica.cli.session import Session
    from hermetica.cli.targets import Selected
    from hermetica.realize import Plan, Realization


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("targets", nargs="+", metavar="TARGET")
    add_build_options(parser)
    parser.add_argument("--no-eval-cache", action="store_true", help="evaluate, whatever is remembered")
    parser.add_argument("--fix-hashes", action="store_true", help="write the right hashes into your files, and go on")
    group = parser.add_argument_group("reproducibility")
    group.add_argument("--check", action="store_true", help="build what is realized again, compare, change nothing")
    group.add_argument("--rounds", type=positive, default=1, metavar="N", help="build N times; all must be alike")
    group = parser.add_argument_group("results")
    group.add_argument("-n", "--dry-run", action="store_true", help="print what would be done and why; do nothing")
    group.add_argument("-o", "--out-link", metavar="PATH", default="result", help="the link to make (result)")
    group.add_argument("--no-link", action="store_true", help="make no link, and so no root")
    group.add_argument("--print-paths", action="store_true", help="print logical store paths, not places on disk")


def run(session: Session) -> int:
    """Realizes the targets; the worst status of what failed.

    Raises:
        Misuse: options contradict each other.
    """
    if session.options.fix_hashes and (status := _fix_hashes(session)):
        return status
    links_wanted = not (session.options.no_link or session.options.check)
    with evaluation(), ExitStack() as held:
        targets = session.evaluator(session.options.targets)
        memory = Memory(session, targets)
        with memory.watching():
            chosen = targets.derivations(session.options.targets)
        if session.options.dry_run:
            return _dry_run(session, chosen)
        lease = held.enter_context(session.objects.lease()) if links_wanted else None  # until the links keep them
        derivations = list(dict.fromkeys(each.derivation for each in chosen))
        results, status = realize(session, derivations, lease=lease, **_again(session))
        by_id = {each.derivation.id: each for each in results}
        pairs = [(each, by_id[each.derivation.id]) for each in chosen]
        keep(session, targets, pairs)
        _tell(session, pairs)
        links = _link(session, pairs) if links_wanted else []
        _print(session, pairs, links, status)
        if status == 0:
            _remember(memory, pairs, links)
        return status


def _fix_hashes(session: Session) -> int:
    if session.options.check or session.options.dry_run:
        raise Misuse(f"--fix-hashes and {'--check' if session.options.check else '--dry-run'} contradict each other")
    from hermetica.cli.fixing.rounds import Fixer  # noqa: PLC0415 -- asked for now and then

    return Fixer(session).run()


def _remember(
    memory: Memory, pairs: Sequence[tuple[Selected, Realization]], links: Sequence[Mapping[str, str]]
) -> None:
    memory.keep(
        [result.derivation for _, result in pairs],
        [result[output] for selected, result in pairs for output in selected.outputs],
        [place for made in links for place in made.values()],
        cached=all(str(result.outcome) == "cached" for _, result in pairs),
    )


def _again(session: Session) -> dict[str, Any]:
    return {"check": session.options.check, "rounds": session.options.rounds}


def _tell(session: Session, pairs: Sequence[tuple[Selected, Realization]]) -> None:
    """The table of what is identical and what differs, where several were compared."""
    options = session.options
    if len(pairs) < 2 or options.ui in {"quiet", "json"} or not (options.check or options.rounds > 1):
        return
    from hermetica.cli.verdicts import compared, table  # noqa: PLC0415 -- only where builds are compared

    rows = [compared(selected.name, result) for selected, result in pairs]
    session.console.say("\n".join(table(rows, session.console.paint)))


def _link(session: Session, pairs: Sequence[tuple[Selected, Realization]]) -> list[dict[str, str]]:
    done = [(selected, result) for selected, result in pairs if result.outcome.is_success]
    if not done:
        return []
    from hermetica.cli.links import make_links  # noqa: PLC0415 -- only where links are made

    wanted = [
        (selected.derivation.outputs[0], {output: result[output] for output in selected.outputs})
        for selected, result in done
    ]
    return make_links(session.options.out_link, wanted, session.objects)


def _print(
    session: Session,
    pairs: Sequence[tuple[Selected, Realization]],
    links: list[dict[str, str]],
    status: int,
) -> None:
    console, objects = session.console, session.objects
    remaining = iter(links)
    rows: list[dict[str, Any]] = []
    for selected, result in pairs:
        succeeded = result.outcome.is_success
        made = next(remaining, dict[str, str]()) if succeeded else dict[str, str]()
        outputs = {
            output: {
                "path": str(result[output]),
                "on_disk": str(objects.on_disk(result[output])),
                "link": made.get(output),
            }
            for output in (selected.outputs if succeeded else ())
        }
        rows.append(
            {"target": selected.name, **_facts(result), **_compared(session, selected, result), "outputs": outputs}
        )
    if console.json:
        indent = None if session.options.ui == "json" else 1
        document = {"format": "hermetica.build/1", "status": int(status), "status_name": status_name(status)}
        console.print_json({**document, "results": rows}, indent=indent)
    elif session.options.ui != "json":
        place = "path" if session.options.print_paths else "on_disk"
        for row in rows:
            for output in row["outputs"].values():
                console.print(output[place])


def _facts(result: Realization) -> dict[str, Any]:
    from hermetica.realize import error_json  # noqa: PLC0415 -- loaded by now

    return {
        "name": result.derivation.name,
        "drv": result.derivation.id.hex,
        "outcome": str(result.outcome),
        "duration_s": result.duration_s,
        "log_key": result.log_key,
        "hook_error": None if result.hook_error is None else error_json(result.hook_error),
        "error": None if result.error is None else {**error_json(result.error), "status": status_of(result.error)},
    }


def _compared(session: Session, selected: Selected, result: Realization) -> dict[str, str]:
    if not session.options.check and session.options.rounds == 1:
        return {}
    from hermetica.cli.verdicts import compared  # noqa: PLC0415 -- only where builds are compared

    row = compared(selected.name, result)
    return {"compared": str(row.verdict), "compared_note": row.note}


def _dry_run(session: Session, chosen: Sequence[Selected]) -> int:
    plan = session.store.plan([each.derivation for each in chosen], **_again(session))
    session.console.result(plan.to_json(), _plan_lines(plan))
    return 0


def _plan_lines(plan: Plan) -> list[str]:
    from hermetica.cli.views.words import many, size  # noqa: PLC0415 -- only for people
    from hermetica.realize.plan import declared_size_bytes  # noqa: PLC0415 -- only for people

    if not plan.steps:
        return ["nothing to do: everything is in the store"]
    lines: list[str] = []
    for step in plan.steps:
        weight = declared_size_bytes(step.derivation)
        shown = f"  {size(weight)}" if weight is not None else ""
        lines.append(f"{step.work:<7}  {step.derivation.name}{shown}  ({step.why})")
    fetches = len([step for step in plan.steps if step.work == "fetch"])
    parts = [many(len(plan.steps) - fetches, "build"), many(fetches, "fetch", "fetches")]
    least = f" of at least {size(plan.fetch_bytes)}" if plan.fetch_bytes else ""
    return [*lines, f"{parts[0]}, {parts[1]}{least}, {len(plan.reused)} reused"]
