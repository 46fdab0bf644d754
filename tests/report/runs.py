"""Runs that never were: their events, of any size, the same each time."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Final

from hermetica.errors import HermeticaError
from hermetica.realize import (
    ClosureKnown,
    DerivationFinished,
    DerivationPlanned,
    DerivationStarted,
    Event,
    LogText,
    Outcome,
    RunFinished,
    RunStarted,
)
from hermetica.realize.plan import Work

if TYPE_CHECKING:
    from collections.abc import Iterator

BEGAN_S: Final = 1_750_000_000.0
_NAMES: Final = ("zlib", "openssl", "curl", "python3", "gcc", "binutils", "glibc", "ncurses", "sqlite", "perl", "m4")
_FAILED_LOG: Final = "main.c:42:10: fatal error: zlib.h: No such file or directory\nmake: *** [main.o] Error 1\n"


class Made:
    """A run of ``count`` derivations on ``jobs`` workers; one in ``failing`` fails, where that is not 0."""

    def __init__(self, count: int, *, jobs: int = 8, failing: int = 0) -> None:
        self._chance = random.Random(count)  # noqa: S311 -- a shape, not a secret
        self._count, self._jobs, self._failing = count, jobs, failing
        self._ends_s = [0.0] * count
        self._lost: set[int] = set()
        self._inputs = [self._needed(number) for number in range(count)]

    def _needed(self, number: int) -> tuple[int, ...]:
        if number < 8 or self._is_fetch(number):
            return ()
        count = self._chance.randint(1, 4)
        return tuple(sorted({self._chance.randrange(max(0, number - 120), number) for _ in range(count)}))

    @staticmethod
    def _is_fetch(number: int) -> bool:
        return number % 5 == 0

    @staticmethod
    def _origin(number: int) -> str:
        return f"pkgs.py:{number + 10}"

    def _work(self, number: int) -> Work:
        return Work.FETCH if self._is_fetch(number) else Work.BUILTIN if number % 17 == 3 else Work.BUILD

    @staticmethod
    def drv(number: int) -> str:
        """The id of one."""
        return f"{number:064x}"

    @staticmethod
    def name(number: int) -> str:
        """The name of one."""
        return f"{_NAMES[number % len(_NAMES)]}-{number}.0"

    def events(self) -> Iterator[Event]:
        """What the run told."""
        fetches = sum(self._is_fetch(number) for number in range(self._count))
        yield RunStarted(
            time_s=BEGAN_S,
            total=self._count,
            to_build=self._count - fetches,
            to_fetch=fetches,
            fetch_bytes=0,
            reused=12,
            targets=("pkgs.py:app",),
            jobs=self._jobs,
        )
        for number in range(self._count):
            yield DerivationPlanned(
                time_s=BEGAN_S,
                drv=self.drv(number),
                name=self.name(number),
                origin=self._origin(number),
                work=self._work(number),
                why="never built before",
                inputs=tuple(self.drv(other) for other in self._inputs[number]),
                expected_s=1.5 if number % 3 else None,
            )
        told = [event for number in range(self._count) for event in self._realized(number)]
        yield from sorted(told, key=lambda event: event.time_s)
        end_s = max(event.time_s for event in told)
        objects = {self._path(number): 1000 * (number + 1) for number in range(0, self._count, 4)}
        yield ClosureKnown(time_s=end_s, targets=(next(iter(objects)),), objects=objects)
        yield RunFinished(time_s=end_s, counts={}, duration_s=end_s - BEGAN_S)

    def _path(self, number: int) -> str:
        return f"hx{number:040x}-{self.name(number)}"

    def _realized(self, number: int) -> Iterator[Event]:
        whose: dict[str, Any] = {"drv": self.drv(number), "name": self.name(number)}
        begins_s = max((self._ends_s[other] for other in self._inputs[number]), default=0.0) or number / 50
        if any(other in self._lost for other in self._inputs[number]):
            self._lost.add(number)
            self._ends_s[number] = begins_s
            yield DerivationFinished(
                time_s=BEGAN_S + begins_s, **whose, outcome=Outcome.DEPENDENCY_FAILED, outputs={}, duration_s=0.0
            )
            return
        took_s = self._chance.lognormvariate(0, 1)
        began_s, ended_s = BEGAN_S + begins_s, BEGAN_S + begins_s + took_s
        self._ends_s[number] = begins_s + took_s
        fails = bool(self._failing) and number % self._failing == self._failing - 1
        yield DerivationStarted(time_s=began_s, **whose, origin=self._origin(number), work=self._work(number))
        text = "@ build\ncc -c main.c\n" + (_FAILED_LOG if fails else "")
        yield LogText(time_s=began_s, **whose, text=text)
        if fails:
            self._lost.add(number)
        yield DerivationFinished(
            time_s=ended_s,
            **whose,
            outcome=Outcome.FAILED if fails else Outcome.BUILT,
            outputs={} if fails else {"out": self._path(number)},
            duration_s=took_s,
            sizes={} if fails else {"out": 1000 * (number + 1)},
            error=HermeticaError(f"{self.name(number)}: exit 2", hint="hermetica log") if fails else None,
        )
