"""``hermetica study``: carries studies of reproducibility out, says how far they are, and what came of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from hermetica.cli.diffoscope import add_diffoscope_arguments, diffoscope_of
from hermetica.cli.inputs import realize_inputs
from hermetica.cli.misuse import Misuse
from hermetica.cli.parser import actions
from hermetica.cli.realizing import add_build_options, cancelling, run_options
from hermetica.cli.recordings import writable
from hermetica.cli.status import FAILED, OK, combine, status_of
from hermetica.cli.studying import Progress, show_failures
from hermetica.cli.views.words import many
from hermetica.model import evaluation

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping, Sequence

    from hermetica.cli.session import Session
    from hermetica.study.carrying import Ended
    from hermetica.study.declaration import Study

ACTIONS: Final = {
    "run": "carry a study out, or go on with it",
    "status": "say how far a study is",
    "report": "compute what came of a study, as text, page, tables or JSON",
}
_SUFFIX: Final = ".study"
_BEGIN: Final = "docs/guides/design-a-study.md has one to begin with"
_EPILOG: Final = "Whoever has the log only gives its directory, such as wheels.study, to `status` and `report`."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    made = actions(parser, ACTIONS)
    for each in made.values():
        each.add_argument("study", metavar="STUDY.toml", help="the declaration")
        each.epilog = _EPILOG
        each.add_argument("--directory", metavar="PATH", help="where the log is (STUDY.study beside the declaration)")
    made["run"].add_argument("--writers", action="store_true", help="see with strace which command wrote what changes")
    add_diffoscope_arguments(made["run"].add_argument, "not unless asked for")
    made["run"].add_argument("--mix-machines", action="store_true", help="go on with a study of another machine")
    add_build_options(made["run"], of_a_run=False)
    for action in ("run", "report"):
        _add_outputs(made[action])


def _add_outputs(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("results")
    group.add_argument("-o", "--page", "--report", metavar="FILE", help="write a page that needs nothing beside it")
    group.add_argument("--csv", metavar="FILE", help="write a row for each target and factor")
    group.add_argument("--builds-csv", metavar="FILE", help="write a row for each build")
    group.add_argument("--parquet", metavar="FILE", help="likewise, as Parquet; needs the extra `parquet`")


def run(session: Session) -> int:
    """Does what was asked."""
    does: Mapping[str, Callable[[Session], int]] = {"run": _run, "status": _status, "report": _report}
    return does[session.options.action](session)


def _run(session: Session) -> int:
    from hermetica.realize.options import Options  # noqa: PLC0415 -- only where something is built
    from hermetica.sandbox import Cancellation  # noqa: PLC0415 -- only where something is built
    from hermetica.study.carrying import Carrier  # noqa: PLC0415 -- only where something is built
    from hermetica.study.design import builds_max  # noqa: PLC0415 -- only where something is built

    study, directory = _declared(session), _directory(session)
    diffoscope = diffoscope_of(session, wanted=False)
    _require_outputs(session.options)
    with evaluation():
        chosen = session.evaluator(study.targets).derivations(study.targets)
        targets = {each.name: each.derivation for each in chosen}
        study = attrs.evolve(
            study,
            targets=tuple(targets),  # globs and modules, as what they name
            timeout_s=session.options.timeout or study.timeout_s or session.config.timeout_s,
        )
        if interrupted := realize_inputs(session, targets.values()):
            return interrupted
        cancellation = Cancellation()
        with Progress(session, len(targets), builds_max(study)) as progress, cancelling(cancellation) as received:
            carrier = Carrier(
                study=study,
                store=session.store,
                options=Options(**run_options(session)),
                cancellation=cancellation,
                diffoscope=diffoscope,
                writers=session.options.writers,
                mix_machines=session.options.mix_machines,
                tell=progress,
                on_event=progress.log,
            )
            ended = carrier.run(targets, directory)
    show_failures(session, ended)
    results = _results(session, directory)
    if received:
        session.console.say("interrupted; the same command goes on from here")
        return 128 + received[0]
    from hermetica.study.log import NAME  # noqa: PLC0415 -- neither help nor completion needs it

    report = f"hermetica study report {session.options.study} -o FILE"
    way = "" if session.options.page else f"; `{report}` makes a page of it"
    session.console.say(f"every build is in {directory / NAME}{way}")
    return _tell_end(session, ended, results)


def _tell_end(session: Session, ended: Ended, results: Mapping[str, Any]) -> int:
    """Says what is left to do; a target that cannot be built in the fixed world is a build that failed."""
    if ended.stopped:
        named = ", ".join(ended.stopped)
        session.console.say(f"the budget is spent; not finished: {named}. Raise it and run again to go on")
    failed = [each for each in results["targets"] if each["state"] == "failed" and each["target"] in ended.finished]
    statuses = [*map(status_of, ended.failures.values()), *([FAILED] if failed else [])]
    return combine(statuses) if statuses else OK


def _declared(session: Session) -> Study:
    from hermetica.study.declaration import parse  # noqa: PLC0415 -- neither help nor completion needs it

    path = Path(session.options.study)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        cause = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise Misuse(f"{path}: {cause}", hint=_BEGIN) from error
    return parse(text, str(path))


def _directory(session: Session) -> Path:
    if session.options.directory:
        return Path(session.options.directory)
    path = Path(session.options.study)
    directory = path if path.is_dir() else path.with_suffix(_SUFFIX)
    if not (path.exists() or directory.exists()):
        raise Misuse(f"{path}: No such file or directory", hint=_BEGIN)
    return directory


def _events(directory: Path) -> list[dict[str, Any]]:
    from hermetica.study.log import read_log  # noqa: PLC0415 -- neither help nor completion needs it

    return read_log(directory)


def _results(session: Session, directory: Path) -> dict[str, Any]:
    """Computes what came of a study, writes what was asked for, and prints it."""
    from hermetica.study.results import results_of  # noqa: PLC0415 -- neither help nor completion needs it
    from hermetica.study.summary import summary_lines  # noqa: PLC0415 -- neither help nor completion needs it

    events = _events(directory)
    results = results_of(events)
    _write_outputs(session, events, results)
    if session.options.ui != "json":
        session.console.result(results, summary_lines(results))
    return results


def _status(session: Session) -> int:
    from hermetica.study.results import results_of  # noqa: PLC0415 -- neither help nor completion needs it

    results = results_of(_events(_directory(session)))
    rows = [{key: each[key] for key in ("target", "state", "builds", "seconds")} for each in results["targets"]]
    document = {"format": "hermetica.study-status/1", "builds": results["builds"], "targets": rows}
    width = max((len(row["target"]) for row in rows), default=0)
    lines = [
        f"{row['target']:<{width}}  {row['state']:<10}  {many(row['builds'], 'build'):>13}  {row['seconds']:>9,.1f} s"
        for row in rows
    ]
    done = sum(row["state"] == "finished" for row in rows)
    session.console.result(document, [*lines, f"{done} of {len(rows)} finished, {many(results['builds'], 'build')}"])
    return OK


def _report(session: Session) -> int:
    _results(session, _directory(session))
    return OK


def _require_outputs(options: Any) -> None:
    """That what is to be written in the end can be, before anything is built for it."""
    for name in (options.page, options.csv, options.builds_csv, options.parquet):
        if name:
            writable(name)
    if options.parquet:
        from hermetica.study.parquet import require_pyarrow  # noqa: PLC0415 -- neither help nor completion needs it

        require_pyarrow()


def _write_outputs(session: Session, events: Sequence[Mapping[str, Any]], results: Mapping[str, Any]) -> None:
    from hermetica.study.tables import CELLS, TRIALS, cell_rows, csv, trial_rows  # noqa: PLC0415 -- neither help nor completion needs it

    options = session.options
    if options.page:
        from hermetica.report import study_page  # noqa: PLC0415 -- neither help nor completion needs it

        _write(session, options.page, study_page(results).encode())
    if options.csv:
        _write(session, options.csv, csv(CELLS, cell_rows(results)).encode())
    if options.builds_csv:
        _write(session, options.builds_csv, csv(TRIALS, trial_rows(events)).encode())
    if options.parquet:
        from hermetica.study.parquet import parquet_of  # noqa: PLC0415 -- neither help nor completion needs it

        _write(session, options.parquet, parquet_of(trial_rows(events)))


def _write(session: Session, place: str, data: bytes) -> None:
    try:
        Path(place).write_bytes(data)
    except OSError as error:
        raise Misuse(f"{place}: {error.strerror}", hint="name a file that can be written") from error
    session.console.say(f"wrote {place}")
