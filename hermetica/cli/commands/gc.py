"""``hermetica gc``: deletes what nothing needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermetica.cli.collecting import tell
from hermetica.cli.units import age_s, size_bytes

if TYPE_CHECKING:
    import argparse

    from hermetica.cli.session import Session


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("-n", "--dry-run", action="store_true", help="print what would go; delete nothing")
    parser.add_argument("--max-bytes", type=size_bytes, metavar="N", help="delete no more than it takes to be below N")
    parser.add_argument(
        "--older-than", type=age_s, metavar="AGE", help="only what was not used for so long, such as 7d"
    )


def run(session: Session) -> int:
    """Collects."""
    from hermetica_store import Policy  # noqa: PLC0415 -- with the store

    options = session.options
    policy = Policy(max_bytes=options.max_bytes, older_than_s=options.older_than)
    collected = session.objects.collect(policy, dry_run=options.dry_run)
    tell(session, collected, dry_run=options.dry_run)
    return 0
