"""What goes wrong with a store as a whole: errors that no single part of it owns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermetica_store.errors import StoreError

if TYPE_CHECKING:
    from pathlib import PurePath

    from hermetica_store.path import StorePath


class StoreFull(StoreError):
    """The file system of the store has no room left."""

    code = "HM403"


class StoreNotWritable(StoreError):
    """A store that may be read but not written: opened read-only, or not ours."""

    code = "HM404"


class IndexDamaged(StoreError):
    """The index cannot be trusted: it is no database, or holds a value that nothing writes."""

    code = "HM405"


class StoreVersionMismatch(StoreError):
    """A store of another schema version."""

    code = "HM406"

    def __init__(self, root: PurePath, found: str, expected: str) -> None:
        super().__init__(
            f"{root} is a store of another version",
            details=(("expected", expected), ("found", found)),
            hint="use the hermetica that wrote it, or one that came later; or name another place with HERMETICA_STORE",
        )


class NotAStore(StoreError):
    """A place that is no store and must not become one."""

    code = "HM407"


class InvalidKey(StoreError, ValueError):
    """The key of a row, log or root that cannot be one."""

    code = "HM408"


class NotRegistered(StoreError, LookupError):
    """A store path that is not in this store."""

    code = "HM410"

    def __init__(self, path: StorePath, *, needed_by: StorePath | None = None) -> None:
        details = () if needed_by is None else (("needed by", str(needed_by)),)
        super().__init__(f"{path} is not in the store", details=details)
        self.path = path


class StoreUnavailable(StoreError):
    """The system refuses work on the store, or the store is closed."""

    code = "HM419"
