"""From what bubblewrap said when it gave up to the error that the caller gets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hermetica.sandbox.errors import ArgumentsTooLong, BuilderNotFound, MountSourceMissing, SandboxUnavailable
from hermetica.sandbox.facts import gather
from hermetica.sandbox.refusal import classify

if TYPE_CHECKING:
    from hermetica.sandbox.errors import SandboxError
    from hermetica.sandbox.spec import SandboxSpec

_MISSING = re.compile(r"Can't find source path (.*?): No such file or directory")


def setup_failure(said: str, killed_by: int | None, bwrap: str) -> SandboxError:
    """Why no sandbox came to be.

    Args:
        said: the complaint.
        killed_by: the signal that killed bubblewrap, if one did.
        bwrap: the program.
    """
    if missing := _MISSING.search(said):
        return MountSourceMissing(missing.group(1))
    if killed_by is not None:
        return SandboxUnavailable(
            f"bubblewrap was killed by signal {killed_by}",
            "if nobody did it by hand, the machine ran out of memory: build fewer derivations at once",
            kind="killed",
            said=said,
        )
    return classify(said, gather(bwrap)).error(said)


def exec_failure(spec: SandboxSpec, reason: str) -> SandboxError:
    """Why the builder could not be executed: ``reason`` is the C library's text."""
    if "Argument list too long" in reason:
        return ArgumentsTooLong(spec.builder)
    return BuilderNotFound(spec.builder, reason)
