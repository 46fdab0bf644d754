"""What goes wrong with a store as a whole: errors that no single part of it owns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermetica_store.errors import StoreError

if TYPE_CHECKING:
    from pathlib import PurePath

    from hermetica_store.path import StorePath


class SystemRefusal(StoreError):
    """What the system refuses a store, whatever is asked of it; no build, tree or archive is to blame."""

    code = "HM467"


class StoreFull(SystemRefusal):
    """The file system of the store has no room left."""

    code = "HM403"


class StoreOutOfFiles(StoreFull):
    """The file system of the store has room, and no inodes left for more files."""

    code = "HM464"


class StoreNotWritable(SystemRefusal):
    """A store that may be read but not written: opened read-only, or not ours."""

    code = "HM404"


class StoreReadOnly(StoreNotWritable):
    """The file system of the store is mounted read-only, or became so after an error of its disk."""

    code = "HM463"


class DiskFailed(SystemRefusal):
    """The disk under the store gave an error."""

    code = "HM460"


class TooManyOpenFiles(SystemRefusal):
    """This process, or the machine, has as many files open as it may."""

    code = "HM461"


class TooManyLinks(SystemRefusal):
    """A directory or file has as many links as its file system can count."""

    code = "HM462"


class OutOfMemory(SystemRefusal):
    """The system gives this process no more memory or address space."""

    code = "HM465"


class TooManyProcesses(SystemRefusal):
    """This user runs as many processes and threads as may be."""

    code = "HM468"


class LocksUnavailable(SystemRefusal):
    """The file system of the store locks no files, or no more of them."""

    code = "HM466"


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


class StoreBusy(StoreError):
    """A store of an earlier schema that other processes work with, so that it cannot be migrated now."""

    code = "HM450"

    def __init__(self, root: PurePath, found: str, expected: str, processes: frozenset[int]) -> None:
        super().__init__(
            f"the store {root} is in use, and cannot be brought from schema {found} to {expected} now",
            details=(("used by", ", ".join(f"process {pid}" for pid in sorted(processes))),),
            hint="try again when they have ended",
        )
        self.processes = processes


class NotAStore(StoreError):
    """A place that is no store and must not become one."""

    code = "HM407"


class InvalidKey(StoreError, ValueError):
    """The key of a row, log or root that cannot be one."""

    code = "HM408"


class NotRegistered(StoreError, LookupError):
    """A store path that is not in this store."""

    code = "HM410"

    def __init__(self, path: StorePath, *, needed_by: StorePath | None = None, hint: str | None = None) -> None:
        details = () if needed_by is None else (("needed by", str(needed_by)),)
        super().__init__(f"{path} is not in the store", details=details, hint=hint)
        self.path = path


class StoreUnavailable(StoreError):
    """The system refuses work on the store, or the store is closed."""

    code = "HM419"
