"""Objects that are being exported, safe from collections meanwhile."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from hermetica_store.faults import NotRegistered, StoreNotWritable

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from hermetica_store.codec import ObjectInfo
    from hermetica_store.path import StorePath
    from hermetica_store.store import ObjectStore


@contextlib.contextmanager
def held(store: ObjectStore, paths: Iterable[StorePath]) -> Generator[tuple[ObjectInfo, ...]]:
    """What is known of objects, which stay for as long as this is entered.

    A store that may only be read holds nothing: what somebody else collects there meanwhile is missed where it lies.

    Raises:
        NotRegistered: one is not in the store.
    """
    wanted = tuple(paths)
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(StoreNotWritable):
            lease = stack.enter_context(store.lease())
            lost = set(wanted) - lease.hold(wanted)
            if lost:
                raise NotRegistered(min(lost))
        yield tuple(_require(store, path) for path in wanted)


def _require(store: ObjectStore, path: StorePath) -> ObjectInfo:
    info = store.info(path)
    if info is None:
        raise NotRegistered(path)
    return info
