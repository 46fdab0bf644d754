"""Mutations of inputs, repeatable from a seed: the engine that needs no instrumentation."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.fuzz.target import Target

SIZE_MAX: Final = 1 << 16
_INTERESTING: Final = (b"\0", b"\xff", b"\x7f", b"\x80", b"\0" * 8, b"\xff" * 8, b"0", b"9" * 24, b"\n", b"\\", b'"')


@attrs.frozen
class Found:
    """An input that breaks a promise."""

    data: bytes
    error: BaseException


@attrs.define
class Campaign:
    """Inputs fed to one target.

    Attributes:
        fed: how many.
        taken: how many of them were not refused.
    """

    target: Target
    pool: list[bytes]
    random: random.Random
    fed: int = 0
    taken: int = 0

    def run(self, *, seconds: float, inputs_max: int | None = None) -> Found | None:
        """Feed until the time is over, enough was fed, or something broke: then that."""
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s and (inputs_max is None or self.fed < inputs_max):
            data = self._next()
            self.fed += 1
            try:
                if self.target.check(data):
                    self.taken += 1
                    self._keep(data)
            except Exception as error:  # noqa: BLE001 -- whatever it is, it is what was looked for
                return Found(data, error)
        return None

    def _keep(self, data: bytes) -> None:
        """What was taken is a good start for more; the pool stays small."""
        if data in self.pool:
            return
        if len(self.pool) < 400:
            self.pool.append(data)
        else:
            self.pool[self.random.randrange(len(self.pool))] = data

    def _next(self) -> bytes:
        data = self.random.choice(self.pool)
        for _ in range(self.random.choice((1, 1, 2, 3, 6))):
            data = mutated(data, self.pool, self.target.words, self.random)
        return data[:SIZE_MAX]


def mutated(data: bytes, pool: Sequence[bytes], words: Sequence[bytes], choice: random.Random) -> bytes:
    """One change of ``data``."""
    at = choice.randrange(len(data) + 1)
    to = min(len(data), at + choice.choice((1, 1, 1, 2, 4, 8, 16, 64, 512)))
    other = choice.choice(pool)
    start = choice.randrange(len(other) + 1)
    kinds: tuple[Callable[[], bytes], ...] = (
        lambda: bytes([choice.randrange(256)]),
        lambda: bytes([data[at] ^ 1 << choice.randrange(8)]) if at < len(data) else b"",
        lambda: choice.choice((*_INTERESTING, *words)),
        lambda: other[start : start + choice.choice((1, 4, 16, 64, 512))],
        lambda: b"",
        lambda: data[at:to] * choice.choice((2, 3, 50, 2000)),
    )
    piece = choice.choice(kinds)()
    keeps = choice.random() < 0.4
    return data[:at] + piece + data[at if keeps else to :]


def campaign(target: Target, seeds: Sequence[bytes], seed: int) -> Campaign:
    """A campaign over a target; the same seed gives the same inputs."""
    return Campaign(target, list(seeds) or [b""], random.Random(f"{target.name}/{seed}"))
