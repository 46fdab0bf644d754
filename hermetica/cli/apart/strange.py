"""Makes a child's own Python strange: a clock that is ahead, variables that all have a value."""

from __future__ import annotations

import datetime as dt
import os
import time
from typing import Any, Final

_OTHER: Final = b"otherwise"
_OURS: Final = (b"PYTHON", b"LC_", b"HERMETICA_", b"LANG", b"TMP", b"TEMP", b"GIT_", b"LMDB_")
"""What Python, git, hermetica and the libraries that it stands on look at."""


class _Everything(dict[bytes, bytes]):
    """The data of ``os.environ``, in which nothing is missing."""

    def __missing__(self, name: bytes) -> bytes:
        if name.startswith(_OURS):
            raise KeyError(name)
        return _OTHER

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or (isinstance(name, bytes) and not name.startswith(_OURS))


def give_every_variable_a_value() -> None:
    """From here on every variable that is asked for by name is set."""
    views: Any = (os.environ, os.environb)
    data = _Everything(views[0]._data)  # noqa: SLF001 -- nothing public lets one do that
    for view in views:
        view._data = data  # noqa: SLF001 -- nothing public lets one do that


def shift_clock(by_s: int) -> None:
    """From here on Python's clock is so many seconds ahead; what extensions in C read by themselves is not."""
    real, real_ns = time.time, time.time_ns
    local, universal, text, form = time.localtime, time.gmtime, time.ctime, time.strftime

    def now_ahead() -> float:
        return real() + by_s

    def now_ahead_ns() -> int:
        return real_ns() + by_s * 1_000_000_000

    def local_ahead(seconds: float | None = None) -> time.struct_time:
        return local(now_ahead() if seconds is None else seconds)

    def universal_ahead(seconds: float | None = None) -> time.struct_time:
        return universal(now_ahead() if seconds is None else seconds)

    def text_ahead(seconds: float | None = None) -> str:
        return text(now_ahead() if seconds is None else seconds)

    def form_ahead(how: str, when: time.struct_time | None = None) -> str:
        return form(how, local_ahead() if when is None else when)

    module: Any = time
    module.time, module.time_ns, module.ctime = now_ahead, now_ahead_ns, text_ahead
    module.localtime, module.gmtime, module.strftime = local_ahead, universal_ahead, form_ahead
    _follow_clock()


def _follow_clock() -> None:
    """Makes dates be of the day that ``time.time`` says; as C has them, they look at the real clock."""

    class Ahead(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Any:
            return cls.fromtimestamp(time.time(), tz)

        @classmethod
        def today(cls) -> Any:
            return cls.fromtimestamp(time.time())

        @classmethod
        def utcnow(cls) -> Any:
            return cls.fromtimestamp(time.time(), dt.UTC).replace(tzinfo=None)

    class AheadDate(dt.date):
        @classmethod
        def today(cls) -> Any:
            return cls.fromtimestamp(time.time())

    kinds: Any = dt
    kinds.datetime, kinds.date = Ahead, AheadDate
