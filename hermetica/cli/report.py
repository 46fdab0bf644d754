"""Errors as blocks of text: what, where, labelled details, the way out, and the end of the log."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hermetica.cli.console import Console, Paint, clean
from hermetica.cli.misuse import Misuse
from hermetica.cli.status import status_name, status_of
from hermetica.errors import HermeticaError

if TYPE_CHECKING:
    from collections.abc import Sequence

_LABEL_COLUMNS: Final = 16
_COLLECTED_MAX: Final = 20


class UsageError(HermeticaError):
    """A command line that makes no sense."""

    code = "HM600"


class InternalError(HermeticaError):
    """A defect of hermetica itself."""

    code = "HM001"


def usage_error(misuse: Misuse) -> UsageError:
    """The error that says what is wrong with a command line."""
    return UsageError(misuse.message, details=misuse.details, hint=misuse.hint)


def near(origin: str) -> str:
    """An origin, relative to the working directory where it lies below it."""
    file, colon, line = origin.rpartition(":")
    if not colon or not line.isdecimal():
        file, colon, line = origin, "", ""
    here = f"{Path.cwd()}/"
    return f"{file.removeprefix(here)}{colon}{line}"


def block(error: HermeticaError, paint: Paint) -> list[str]:
    """The lines of an error.

    Args:
        error: any; one with a ``log_tail`` has it shown at the end.
        paint: for the terminal it goes to.
    """
    lines = [f"{paint.bad(f'error[{error.code}]')} {paint.bold(clean(error.message))}"]
    if error.origin:
        lines.append(f"  {paint.dim('-->')} {near(error.origin)}")
        for call in error.via:
            place, _, function = call.rpartition(" in ")
            lines.append(f"      through {near(place)} in {function}")
    rows = [*error.details, *([("fix", error.hint)] if error.hint else [])]
    width = max((len(label) for label, _ in rows if len(label) <= _LABEL_COLUMNS), default=0)
    for label, text in rows:
        first, *more = text.splitlines() or [""]
        shown = paint.good(f"{label:<{width}}") if label == "fix" else f"{label:<{width}}"
        lines.append(f"  {shown}  {clean(first)}".rstrip())
        lines += [f"  {'':<{width}}  {clean(line)}".rstrip() for line in more]
    lines += [f"  {paint.dim('|')} {clean(line)}".rstrip() for line in getattr(error, "log_tail", "").splitlines()]
    return lines


def show(error: HermeticaError, console: Console) -> None:
    """Writes an error to the talk."""
    console.say("\n".join(block(error, console.paint)))


def collected(errors: Sequence[HermeticaError], paint: Paint) -> list[str]:
    """What failed and what to do about it, once more in few lines: logs have pushed most of it out of sight.

    Args:
        errors: all that were told, more than one.
        paint: for the terminal it goes to.
    """
    lines = [f"{len(errors)} failed:"]
    lines += [f"  {paint.bad(each.code)}  {clean(each.message)}" for each in errors[:_COLLECTED_MAX]]
    if (hidden := len(errors) - _COLLECTED_MAX) > 0:
        lines.append(f"  and {hidden:,} more")
    ways: dict[str, list[str]] = {}
    for each in errors:
        if each.hint:
            ways.setdefault(each.hint, []).append(getattr(getattr(each, "derivation", None), "name", each.code))
    for hint, names in list(ways.items())[:_COLLECTED_MAX]:
        lines.append(f"  {paint.good('fix')}  {clean(hint)}  ({', '.join(names)})")
    return lines


def error_document(error: HermeticaError) -> dict[str, object]:
    """An error as ``hermetica.error/1``."""
    from hermetica.realize.error_form import error_parts  # noqa: PLC0415 -- only errors as JSON need it

    status = status_of(error)
    return {
        "format": "hermetica.error/1",
        **error_parts(error),
        "status": int(status),
        "status_name": status_name(status),
    }


def report(error: HermeticaError, console: Console) -> int:
    """Writes an error that ends the command, as JSON too where results are; the exit status."""
    sys.stdout.flush()
    if console.json:
        console.print_json(error_document(error))
        sys.stdout.flush()
    show(error, console)
    return status_of(error)


def report_any(error: Exception, console: Console) -> int:
    """The same for whatever came: what is no error of hermetica is a defect, and says so."""
    if isinstance(error, Misuse):
        return report(usage_error(error), console)
    if isinstance(error, HermeticaError):
        return report(error, console)
    if os.environ.get("HERMETICA_TRACEBACK"):
        import traceback  # noqa: PLC0415 -- for whoever looks into a defect

        console.say("".join(traceback.format_exception(error)).rstrip())
    trace, where = error.__traceback__, ""
    while trace is not None:
        where = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
        trace = trace.tb_next
    return report(
        InternalError(
            f"internal error: {type(error).__name__}: {error}",
            details=(("at", where),),
            hint="please report it, with what HERMETICA_TRACEBACK=1 adds",
        ),
        console,
    )
