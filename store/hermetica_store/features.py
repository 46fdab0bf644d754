"""What a store's file system can do, found out by trying on scratch files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from hermetica_store.dedup import can_clone
from hermetica_store.sealing import why_not

if TYPE_CHECKING:
    from hermetica_store.layout import Layout


@attrs.frozen(kw_only=True)
class Features:
    """What a store's file system can do.

    Attributes:
        sharing: by what equal large files share their bytes: ``cloned blocks`` or ``one inode``.
        sealing: ``fs-verity``, or ``none: `` and why files cannot be sealed.
    """

    sharing: str
    sealing: str


def features(layout: Layout) -> Features:
    """Try them."""
    why = why_not(layout.scratch)
    return Features(
        sharing="cloned blocks" if can_clone(layout.scratch) else "one inode",
        sealing="fs-verity" if why is None else f"none: {why}",
    )
