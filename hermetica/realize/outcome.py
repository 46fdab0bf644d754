"""What became of a derivation that was to be realized."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hermetica.errors import HermeticaError
    from hermetica.model import Derivation
    from hermetica_store.path import StorePath


class Outcome(StrEnum):
    """How a realization ended."""

    BUILT = "built"
    CACHED = "cached"
    SUBSTITUTED = "substituted"
    FAILED = "failed"
    DEPENDENCY_FAILED = "dependency-failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed-out"

    @property
    def is_success(self) -> bool:
        """Whether the outputs are in the store."""
        return self in {Outcome.BUILT, Outcome.CACHED, Outcome.SUBSTITUTED}


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
        log_key: names the build's log in the store; None where nothing ever ran.
        record: the build record of the run that made the outputs, if the store has it.
    """

    derivation: Derivation
    outcome: Outcome
    outputs: Mapping[str, StorePath] = attrs.field(factory=dict[str, "StorePath"])
    references: tuple[StorePath, ...] = ()
    duration_s: float = 0.0
    error: HermeticaError | None = None
    log_key: str | None = None
    record: Mapping[str, Any] | None = attrs.field(default=None, repr=False)

    @property
    def out(self) -> StorePath:
        """The default output.

        Raises:
            KeyError: the realization failed.
        """
        return self.outputs[self.derivation.outputs[0]]

    def __getitem__(self, output: str) -> StorePath:
        return self.outputs[output]


@attrs.frozen
class Realizations:
    """What became of several derivations, in the order they were asked for.

    Attributes:
        all: one entry a derivation that was asked for.
        failures: every root failure of the run, each once, dependants left out.
        dependants: how many derivations were not tried because an input failed.
    """

    all: tuple[Realization, ...]
    failures: tuple[Realization, ...] = ()
    dependants: int = 0

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
