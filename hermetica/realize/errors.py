"""What can go wrong when a derivation is realized: each error has the derivation, its origin and its log's tail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hermetica.errors import HermeticaError
from hermetica.model.outputs import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hermetica.model import Derivation
    from hermetica.realize.lacks import Lack
    from hermetica_store.comparison import Comparison


_LOOK_FOR: Final = (
    "compare the two with diff -r; mostly it is times, random names, unsorted listings or parallel writing"
)


class RealizeError(HermeticaError):
    """A derivation could not be realized.

    Attributes:
        derivation: which one.
        log_tail: the last lines that its builder wrote.
        kept: where the failed build lies, if it was kept.
        log_key: names the build's log and record in the store, where one ran.
    """

    code = "HM100"

    def __init__(
        self,
        derivation: Derivation,
        message: str,
        *,
        details: tuple[tuple[str, str], ...] = (),
        hint: str | None = None,
        log_tail: str = "",
    ) -> None:
        origin = str(derivation.origin) if derivation.origin else None
        own = message.startswith(f"{derivation.name} ")
        super().__init__(message if own else f"{derivation.name}: {message}", details=details, hint=hint, origin=origin)
        self.via = derivation.origin.via if derivation.origin else ()
        self.derivation = derivation
        self.log_tail = log_tail
        self.kept: str | None = None
        self.log_key: str | None = None


class BuildFailed(RealizeError):
    """The builder ended with a status other than 0, or by a signal.

    Attributes:
        lacks: what it says that it looked for in vain.
    """

    code = "HM105"

    def __init__(
        self,
        derivation: Derivation,
        message: str,
        *,
        details: tuple[tuple[str, str], ...] = (),
        hint: str | None = None,
        log_tail: str = "",
        lacks: tuple[Lack, ...] = (),
    ) -> None:
        super().__init__(derivation, message, details=details, hint=hint, log_tail=log_tail)
        self.lacks = lacks


class LeftOutOfSource(BuildFailed):
    """The builder looked for a file that lies beside those of its source, and is not in it."""

    code = "HM215"


class CommandNotFound(BuildFailed):
    """The builder asked for a program that the sandbox does not have."""

    code = "HM103"


class BuilderRaised(BuildFailed):
    """A builder in Python raised an exception.

    Attributes:
        at: ``file:line`` of the user's own, where it did; empty for an import at the top of the module.
    """

    code = "HM256"

    def __init__(self, derivation: Derivation, message: str, *, at: str, log_tail: str) -> None:
        super().__init__(derivation, message, details=(("raised at", at),) if at else (), log_tail=log_tail)
        self.at = at


class BuildTimedOut(RealizeError):
    """The builder ran longer than it may."""

    code = "HM101"


class BuildSilent(BuildTimedOut):
    """The builder said nothing for longer than it may."""

    code = "HM106"


class LogLimitExceeded(RealizeError):
    """The builder wrote more log than it may."""

    code = "HM107"


class BuildTooLarge(RealizeError):
    """The builder wrote more to the disk than it may."""

    code = "HM127"


class TooManyProcesses(RealizeError):
    """The builder, run by the superuser, made more processes than it may; others are held by the kernel."""

    code = "HM128"


class BuildCancelled(RealizeError):
    """The run was ended from outside."""

    code = "HM108"


class OutputMissing(RealizeError):
    """The builder succeeded without making an output that it declares."""

    code = "HM109"


class OutputRefused(RealizeError):
    """An output breaks a check that the derivation declares."""

    code = "HM110"


class FixedOutputMismatch(RealizeError):
    """A fixed output has other content than declared.

    Attributes:
        expected: ``algorithm digest``; ``unknown`` where none is declared.
        got: ``algorithm digest``.
    """

    code = "HM102"

    def __init__(self, derivation: Derivation, *, expected: str, got: str, size_bytes: int, hint: str) -> None:
        found = f"{got}  ({size_bytes:,} bytes)"
        if expected == UNKNOWN:
            super().__init__(derivation, "no hash is declared; this is it", details=(("hash", found),), hint=hint)
        else:
            details = (("expected", expected), ("got", found))
            super().__init__(derivation, "hash mismatch", details=details, hint=hint)
        self.expected = expected
        self.got = got


class FixedOutputRefers(RealizeError):
    """A fixed output mentions store paths; its content could not be the same anywhere else."""

    code = "HM111"


class FetchFailed(RealizeError):
    """No address of a fetch could be had."""

    code = "HM112"


class InputFailed(RealizeError):
    """An input could not be realized, so this was not tried."""

    code = "HM113"


class UnsupportedSystem(RealizeError):
    """The derivation is for another platform, or needs a feature that this host does not offer."""

    code = "HM114"


class UnknownBuiltin(RealizeError):
    """A builtin that this version of hermetica does not have."""

    code = "HM115"


class InvalidInput(RealizeError):
    """An input that cannot be used: a source that changed, an archive that is damaged."""

    code = "HM116"


class NotReproducible(RealizeError):
    """What was built again is not what is in the store.

    Attributes:
        comparisons: output -> what differs, of each that does.
        differences: the same as ``hermetica.differences/1``, with the places of both trees; they stay there until a
            collection.
    """

    code = "HM104"

    def __init__(
        self,
        derivation: Derivation,
        message: str,
        *,
        comparisons: Mapping[str, Comparison],
        differences: Mapping[str, Any],
        details: tuple[tuple[str, str], ...],
    ) -> None:
        super().__init__(derivation, message, details=details, hint=_LOOK_FOR)
        self.comparisons = comparisons
        self.differences = differences


class RoundsDiffer(NotReproducible):
    """A round of a build made other outputs than the first, so none was registered."""

    code = "HM119"

    @property
    def round(self) -> int:
        """Which round it is."""
        return int(self.differences["number"])

    @property
    def rounds(self) -> int:
        """How many there were to be."""
        return int(self.differences["total"])


class HookFailed(RealizeError):
    """The post-build hook failed for a derivation; what was built is in the store all the same."""

    code = "HM120"


class NotRealizable(HermeticaError, TypeError):
    """Something that is no derivation was to be realized."""

    code = "HM129"


class NothingToCheck(RealizeError):
    """A derivation is to be checked, and the store has no build of it."""

    code = "HM118"


class NothingToBuild(RealizeError):
    """A derivation is to be built in other worlds, and none can change what it makes."""

    code = "HM500"
