"""What became of a derivation that was to be realized."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hermetica.errors import HermeticaError
    from hermetica.model import Derivation
    from hermetica.realize.trace import Trace
    from hermetica_store.path import StorePath


class Outcome(StrEnum):
    """How a realization ended."""

    BUILT = "built"
    CACHED = "cached"
    SUBSTITUTED = "substituted"
    REPRODUCED = "reproduced"
    FAILED = "failed"
    DEPENDENCY_FAILED = "dependency-failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed-out"
    NOT_REPRODUCIBLE = "not-reproducible"

    @property
    def is_success(self) -> bool:
        """Whether the outputs are in the store."""
        return self in _SUCCESSES


_SUCCESSES: Final = frozenset({Outcome.BUILT, Outcome.CACHED, Outcome.SUBSTITUTED, Outcome.REPRODUCED})


@attrs.frozen(kw_only=True)
class Realization:
    """A derivation and what became of it.

    Attributes:
        derivation: what was to be realized.
        outcome: how it ended.
        outputs: output name -> store path; empty where it failed.
        references: the objects that the outputs mention, ascending, themselves left out.
        duration_s: wall time of this run; 0 where nothing ran.
        error: what went wrong, if anything.
        log_key: names the log and the record of the build that made the outputs, or failed to; None where none ran.
        hook_error: how the post-build hook failed, if it did; the outputs are in the store all the same.
        sizes: output name -> bytes of its files, where they were made in this run; None else.
    """

    derivation: Derivation
    outcome: Outcome
    outputs: Mapping[str, StorePath] = attrs.field(factory=dict[str, "StorePath"])
    references: tuple[StorePath, ...] = ()
    duration_s: float = 0.0
    error: HermeticaError | None = None
    log_key: str | None = None
    hook_error: HermeticaError | None = None
    sizes: Mapping[str, int] | None = attrs.field(default=None, repr=False, eq=False)
    _trace: Trace | None = attrs.field(default=None, repr=False, eq=False, alias="trace")

    @property
    def out(self) -> StorePath:
        """The default output.

        Raises:
            KeyError: the realization failed.
        """
        return self.outputs[self.derivation.outputs[0]]

    def __getitem__(self, output: str) -> StorePath:
        return self.outputs[output]

    @property
    def log(self) -> bytes:
        """What the builder wrote, read from the store; empty where nothing ran or nothing was written."""
        if self._trace is None or self.log_key is None:
            return b""
        return self._trace.store.read_log(self.log_key) or b""

    @property
    def record(self) -> Mapping[str, Any] | None:
        """The build record, read from the store: when, on what, how long, how much; None where nothing ran."""
        if self._trace is None or self.log_key is None:
            return None
        return self._trace.record(bytes.fromhex(self.log_key))


@attrs.frozen
class Realizations:
    """What became of several derivations, in the order they were asked for.

    Attributes:
        all: one entry a derivation that was asked for.
        failures: every root failure of the run, each once, dependants left out.
        dependants: how many derivations were not tried because an input failed.
        hook_failures: how the post-build hook failed, once for each derivation for which it did.
    """

    all: tuple[Realization, ...]
    failures: tuple[Realization, ...] = ()
    dependants: int = 0
    hook_failures: tuple[HermeticaError, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether everything asked for is in the store."""
        return all(realization.outcome.is_success for realization in self.all)

    @property
    def failed(self) -> tuple[Realization, ...]:
        """Those asked for that are not in the store."""
        return tuple(realization for realization in self.all if not realization.outcome.is_success)

    def __iter__(self) -> Iterator[Realization]:
        return iter(self.all)

    def __len__(self) -> int:
        return len(self.all)

    def __getitem__(self, derivation: Derivation) -> Realization:
        for realization in self.all:
            if realization.derivation == derivation:
                return realization
        raise KeyError(derivation)
