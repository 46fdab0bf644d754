"""``hermetica gc``: deletes what nothing needs."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, TypeVar

from hermetica.cli.collecting import tell
from hermetica.config.units import age_s, size_bytes

if TYPE_CHECKING:
    from hermetica.cli.session import Session
    from hermetica_store import Policy

T = TypeVar("T")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    flag = argparse.BooleanOptionalAction
    parser.add_argument("-n", "--dry-run", action="store_true", help="print what would go; delete nothing")
    parser.add_argument("--max-bytes", type=size_bytes, metavar="N", help="delete no more than it takes to be below N")
    parser.add_argument("--max-freed", type=size_bytes, metavar="N", help="delete no more than it takes to free N")
    parser.add_argument(
        "--older-than", type=age_s, metavar="AGE", help="only what was not used for so long, such as 7d"
    )
    parser.add_argument("--keep-outputs", action=flag, help="keep what rooted objects were built from")
    parser.add_argument(
        "--keep-derivations", action=flag, help="keep derivations, build records and logs of what stays"
    )


def run(session: Session) -> int:
    """Collects."""
    options = session.options
    collected = session.objects.collect(policy_of(session), dry_run=options.dry_run)
    tell(session, collected, dry_run=options.dry_run)
    return 0


def policy_of(session: Session) -> Policy:
    """What the command line, else the configuration, says is to go."""
    from hermetica_store import Policy  # noqa: PLC0415 -- with the store

    options, config = session.options, session.config
    return Policy(
        max_bytes=_first(options.max_bytes, config.gc_max_bytes),
        max_freed_bytes=options.max_freed,
        older_than_s=_first(options.older_than, config.gc_older_than),
        keep_outputs=bool(_first(options.keep_outputs, config.gc_keep_outputs)),
        keep_derivations=bool(_first(options.keep_derivations, config.gc_keep_derivations)),
    )


def _first(option: T | None, setting: T | None) -> T | None:
    return setting if option is None else option
