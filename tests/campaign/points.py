"""Named crash points: every step by which hermetica changes the world, found without a hook in hermetica.

In a process of the campaign the functions of ``os`` that change something, LMDB's write transactions and the flush of
a file system are wrapped. A step is named after its function and the function of hermetica that calls it, as in
``rename@hermetica_store.publish:move``. Just before a step the process may kill itself or stand still for a while.
"""

from __future__ import annotations

import builtins
import fcntl
import inspect
import io
import os
import signal
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import attrs
import lmdb

from hermetica_store import writer
from hermetica_store.exchange import cache

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Self

_STEPS: Final = (
    *("rename", "replace", "link", "symlink", "unlink", "remove", "rmdir", "mkdir", "chmod", "fchmod", "utime"),
    *("write", "pwrite", "writev", "truncate", "ftruncate", "fsync", "fdatasync", "copy_file_range", "sendfile"),
    *("close", "posix_spawn", "posix_fallocate", "removexattr"),
)
_WRITES: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_OURS: Final = ("hermetica.", "hermetica_store.")


@attrs.frozen
class Moment:
    """The ``count``-th time that the step ``name`` is reached."""

    name: str
    count: int


@attrs.define
class Points:
    """The steps of one process.

    Attributes:
        kill: where it ends.
        stall: where it stands still.
        stall_s: for how long.
        reached: how often each step was.
    """

    kill: Moment | None = None
    stall: Moment | None = None
    stall_s: float = 0.0
    reached: Counter[str] = attrs.field(factory=Counter[str])

    def reach(self, step: str) -> None:
        """Before a step."""
        name = f"{step}@{_caller()}"
        if name.endswith("@"):
            return
        self.reached[name] += 1
        moment = Moment(name, self.reached[name])
        if moment == self.stall:
            time.sleep(self.stall_s)
        if moment == self.kill:
            os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(60)

    def install(self) -> None:
        """Wraps the steps of this process, for good."""
        for name in _STEPS:
            put_in(os, name, self._wrapped(name, vars(os)[name]))
        for name in ("fcntl", "ioctl", "flock"):
            put_in(fcntl, name, self._wrapped(name, vars(fcntl)[name]))
        self._wrap_opening()
        environment: Callable[..., Any] = vars(lmdb)["open"]

        def open_environment(*args: Any, **more: Any) -> _Environment:
            return _Environment(environment(*args, **more), self)

        put_in(lmdb, "open", open_environment)
        for module in (writer, cache):
            put_in(module, "sync_file_system", self._wrapped("syncfs", vars(module)["sync_file_system"]))

    def _wrapped(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def step(*args: Any, **more: Any) -> Any:
            self.reach(name)
            return function(*args, **more)

        return step

    def _wrap_opening(self) -> None:
        low, high = os.open, io.open

        def open_fd(path: Any, flags: int, *args: Any, **more: Any) -> int:
            if flags & _WRITES:
                self.reach("open")
            return low(path, flags, *args, **more)

        def open_file(file: Any, mode: str = "r", *args: Any, **more: Any) -> Any:
            if set(mode) & set("wax+"):
                self.reach("open")
            return high(file, mode, *args, **more)

        put_in(os, "open", open_fd)
        put_in(io, "open", open_file)
        put_in(builtins, "open", open_file)


def put_in(module: ModuleType | type, name: str, value: Any) -> None:
    """Let a name of a module or class mean something else, in this process."""
    setattr(module, name, value)


def _caller() -> str:
    """The innermost function of hermetica that runs, as ``module:function``; empty where none does."""
    frame = inspect.currentframe()
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.startswith(_OURS):
            return f"{module}:{frame.f_code.co_qualname}"
        frame = frame.f_back
    return ""


class _Environment:
    """An LMDB environment whose write transactions are steps."""

    def __init__(self, inner: Any, points: Points) -> None:
        self._inner = inner
        self._points = points

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __enter__(self) -> Self:
        self._inner.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._inner.__exit__(*error)

    def begin(self, *args: Any, **more: Any) -> Any:
        """A transaction, wrapped if it writes."""
        if not more.get("write"):
            return self._inner.begin(*args, **more)
        self._points.reach("begin")
        return _Transaction(self._inner.begin(*args, **more), self._points)

    def open_db(self, *args: Any, **more: Any) -> Any:
        """A table; making one is a step."""
        if more.get("create"):
            self._points.reach("open_db")
        return self._inner.open_db(*args, **more)


class _Transaction:
    """A write transaction."""

    def __init__(self, inner: Any, points: Points) -> None:
        self._inner = inner
        self._points = points

    def __getattr__(self, name: str) -> Any:
        if name in {"put", "delete", "drop", "commit", "abort"}:
            self._points.reach(name)
        return getattr(self._inner, name)

    def __enter__(self) -> Self:
        self._inner.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._points.reach("commit")
        self._inner.__exit__(*error)
