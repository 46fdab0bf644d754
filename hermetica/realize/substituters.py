"""Substituters: plug-ins that may have what a derivation makes; found by name, and believed as far as they are trusted.

What a substituter gives is an archive. The path of every object in it follows from its content, whoever sent it; that a
path is what a derivation makes only the user's trust can say. The content of a fixed output needs no trust at all.
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Final, Protocol, cast

import attrs

from hermetica.entry_points import SUBSTITUTERS, EntryPoint, PluginBroken, PluginFailed, place_of, require, said
from hermetica.realize.errors import RealizeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from hermetica.model import Derivation

_FAILURES_MAX: Final = 3


class Archive(Protocol):
    """Bytes that are read from their beginning to their end: an open file, the answer of a server."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, at most ``size``; none at the end."""
        ...


@attrs.frozen(kw_only=True)
class SubstituteRequest:
    """What a substituter is asked for.

    Attributes:
        id: hexadecimal. First the derivation's own id, before anything is done for its inputs; where nobody knows that,
            and the inputs are there, its resolved id: the digest of the same with inputs by their content.
        is_resolved: whether it is the latter.
        name: of the derivation.
        outputs: the names of its outputs, default first.
        timeout_s: after so long without a byte it is given up.
        is_offline: whether only this machine may be asked.
        is_cancelled: whether nobody waits any more; to be asked between pieces.
    """

    id: str
    is_resolved: bool
    name: str
    outputs: tuple[str, ...]
    timeout_s: float
    is_offline: bool
    is_cancelled: Callable[[], bool]


@attrs.frozen
class Substitute:
    """What a substituter has.

    Attributes:
        outputs: output -> store path; all outputs.
        archive: as ``hermetica store export`` writes one, with these objects; it is closed where it can be.
    """

    outputs: Mapping[str, str]
    archive: Archive


class Substituter(Protocol):
    """Has what builds made."""

    def __call__(self, request: SubstituteRequest, /) -> Substitute | None:
        """What it has of a derivation; None where it has nothing. Called in threads, several at once.

        Raises:
            Exception: it cannot tell. The text is shown to the user.
        """
        ...


class SubstituterFactory(Protocol):
    """What an entry point of the group ``hermetica.substituters`` leads to."""

    def __call__(self, argument: str, /) -> Substituter:
        """A substituter for one run.

        Args:
            argument: what follows ``NAME=`` in the setting; empty where nothing does.
        """
        ...


class SubstituteRefused(RealizeError):
    """A substituter offers what is not, or cannot be, what the derivation makes."""

    code = "HM707"


class SubstituterFailed(RealizeError):
    """A substituter raised, or said nothing for too long."""

    code = "HM708"

    def __init__(self, derivation: Derivation, asked: Asked, error: Exception | str) -> None:
        raised = () if isinstance(error, str) else (("raised", said(error)),)
        at = "" if isinstance(error, str) else place_of(error)
        super().__init__(
            derivation,
            error if isinstance(error, str) else f"{asked.plugin} failed: {said(error)}",
            details=(*raised, *((("at", at),) if at else ()), *getattr(error, "details", ())),
            hint=getattr(error, "hint", None),
        )


@attrs.frozen(eq=False)
class Asked:
    """One line of the setting ``substituters``.

    Attributes:
        text: the line, ``NAME`` or ``NAME=ARGUMENT``.
        plugin: that it names.
        is_trusted: whether it may say what builds make.
    """

    text: str
    plugin: EntryPoint
    is_trusted: bool


class Substituters:
    """Those of one run: each is made when it is first asked, and asked no more when it fails again and again.

    Args:
        texts: ``NAME`` or ``NAME=ARGUMENT`` each, in the order in which they are asked.
        trusted: those of them that are believed when they say what a build makes.

    Raises:
        UnknownPlugin: no installed distribution offers one.
        PluginClash: several do.
    """

    def __init__(self, texts: Iterable[str] = (), trusted: Iterable[str] = ()) -> None:
        believed = frozenset(trusted)
        self._asked = [
            Asked(text, require(SUBSTITUTERS, text.partition("=")[0]), text in believed)
            for text in dict.fromkeys(texts)
        ]
        self._made: dict[Asked, Substituter] = {}
        self._failures: Counter[Asked] = Counter()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._asked)

    def for_(self, derivation: Derivation) -> Iterator[Asked]:
        """Those that may be asked for a derivation, in order."""
        is_fixed = derivation.fixed is not None and derivation.fixed.is_known
        for each in self._asked:
            if self._failures[each] < _FAILURES_MAX and (each.is_trusted or is_fixed):
                yield each

    def made(self, asked: Asked) -> Substituter:
        """The substituter itself.

        Raises:
            PluginBroken: it cannot be used.
            PluginFailed: it refuses its argument.
        """
        with self._lock:
            if asked not in self._made:
                make = cast("SubstituterFactory", asked.plugin.load_callable("FUNCTION(argument)"))
                try:
                    substituter = cast("object", make(asked.text.partition("=")[2]))
                except Exception as error:
                    raise PluginFailed(asked.plugin, error) from error
                if not callable(substituter):
                    cause = f"it made {type(substituter).__name__}"
                    raise PluginBroken(asked.plugin, cause=cause, what="a function that takes a request")
                self._made[asked] = cast("Substituter", substituter)
            return self._made[asked]

    def note(self, asked: Asked, *, is_final: bool) -> bool:
        """Remembers a failure; whether it is asked no more because of it."""
        with self._lock:
            before = self._failures[asked]
            self._failures[asked] = _FAILURES_MAX if is_final else before + 1
            return before < _FAILURES_MAX <= self._failures[asked]
