"""What the end of a builder means: which error it is, and the way out. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hermetica.realize.errors import (
    BuildCancelled,
    BuilderRaised,
    BuildFailed,
    BuildSilent,
    BuildTimedOut,
    BuildTooLarge,
    CommandNotFound,
    LogLimitExceeded,
    TooManyProcesses,
)
from hermetica.realize.lacks import Kind, in_words, lacks_in
from hermetica.realize.places import raised
from hermetica.sandbox import Limits
from hermetica.sandbox import Outcome as ExitOutcome

if TYPE_CHECKING:
    from hermetica.model import Derivation
    from hermetica.realize.options import Options
    from hermetica.sandbox import Exit

NOT_FOUND_STATUS: Final = 127


def check_exit(derivation: Derivation, ended: Exit, tail: str, options: Options) -> None:
    """That a builder ended well.

    Args:
        derivation: whose it is.
        ended: how.
        tail: the end of its log.
        options: the limits that it had.

    Raises:
        RealizeError: it failed, exceeded a limit, or was cancelled.
    """
    if ended.outcome is ExitOutcome.CANCELLED:
        raise BuildCancelled(derivation, "cancelled", log_tail=tail)
    if ended.outcome is ExitOutcome.TIMED_OUT:
        raise BuildTimedOut(
            derivation, f"ran longer than {options.timeout_s:g} s", hint="--timeout S allows more", log_tail=tail
        )
    if ended.outcome is ExitOutcome.SILENT:
        message = f"said nothing for {options.silence_timeout_s:g} s"
        raise BuildSilent(derivation, message, hint="--silence-timeout S allows more", log_tail=tail)
    if ended.outcome is ExitOutcome.LOG_LIMIT:
        raise LogLimitExceeded(
            derivation, "wrote more log than it may", hint="--log-limit BYTES allows more", log_tail=tail
        )
    if ended.outcome is ExitOutcome.SIZE_LIMIT:
        raise _too_large(derivation, options, tail)
    if ended.outcome is ExitOutcome.PROCESS_LIMIT:
        raise TooManyProcesses(
            derivation,
            "made more processes than it may",
            details=(("limit", f"{Limits().processes:,}, threads counted"),),
            log_tail=tail,
        )
    if ended.signal is not None:
        raise BuildFailed(derivation, f"the builder was killed by signal {ended.signal}", log_tail=tail)
    if ended.status:
        raise _failed(derivation, ended.status, tail)


def _way_to_path(derivation: Derivation) -> str:
    """How the derivation gets another program."""
    if "PATH" not in derivation.env:
        return 'give it a PATH with the package that has it: env={"PATH": f"{package}/bin"}'
    return 'add the package that has it to its PATH: env={"PATH": f"…:{package}/bin"}, or tools=[…] in hm.run'


def _too_large(derivation: Derivation, options: Options, tail: str) -> BuildTooLarge:
    limits = (("bytes", options.build_limit_bytes), ("files", options.build_limit_entries))
    return BuildTooLarge(
        derivation,
        "wrote more to the disk than it may",
        details=tuple((f"limit, {what}", f"{limit:,}") for what, limit in limits if limit is not None),
        hint="--build-limit BYTES and --file-limit N allow more",
        log_tail=tail,
    )


def _failed(derivation: Derivation, status: int, tail: str) -> BuildFailed:
    lacks = lacks_in(tail)
    program = next((lack.name for lack in reversed(lacks) if lack.kind is Kind.PROGRAM), None)
    if status == NOT_FOUND_STATUS and program is not None:
        message = f"{program}: not found in the sandbox (exit {status})"
        return CommandNotFound(derivation, message, hint=_way_to_path(derivation), log_tail=tail, lacks=lacks)
    if derivation.places and (found_line := raised(tail, derivation.places)):
        return BuilderRaised(derivation, found_line[0], at=found_line[1], log_tail=tail)
    ways = "; ".join(dict.fromkeys(lack.way_out for lack in lacks))
    return BuildFailed(
        derivation,
        f"the builder ended with status {status}",
        details=(("lacked", in_words(lacks)),) if lacks else (),
        hint=ways or None,
        log_tail=tail,
        lacks=lacks,
    )
