"""An index that was never finished: what a loss of power leaves of a store that was just being made.

LMDB writes its two first pages, then makes them durable with the first transaction. Cut off in between, they may be
there in part or as zeros, and LMDB takes them for damage. Nothing was ever told durable then, so the index begins anew.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import time
from typing import TYPE_CHECKING, Final

from hermetica_store.locks import CLAIMS, offset, try_lock

if TYPE_CHECKING:
    from collections.abc import Generator

    from hermetica_store.layout import Layout

_PAGES: Final = 3  # two to begin with, and the one of the first transaction
_PAUSE_S: Final = 0.001


@contextlib.contextmanager
def alone(layout: Layout) -> Generator[None]:
    """Nobody else decides about the index meanwhile."""
    while (fd := try_lock(layout.locks, offset(CLAIMS, 0))) is None:
        time.sleep(_PAUSE_S)
    try:
        yield
    finally:
        os.close(fd)


def drop_unfinished(layout: Layout) -> bool:
    """Removes the index if no transaction can have been committed; whether it did. To be called `alone`."""
    database = layout.index / "data.mdb"
    if database.stat().st_size > _PAGES * mmap.PAGESIZE or any(layout.objects.iterdir()):
        return False
    database.unlink()
    return True
