"""The root of every error hermetica raises, and the root of the store's own.

An error is a value: a stable code, one line that says what is wrong, labelled details (``expected``, ``got``,
``cause`` …), the way out, and the line of the user's file it comes from. Front ends lay these parts out; nothing
parses a message again.
"""

from __future__ import annotations

TYPE_CHECKING = False  # the module that has it costs five milliseconds, before there is anything else
if TYPE_CHECKING:
    from typing import ClassVar


class HermeticaError(Exception):
    """Something the user can act on.

    Attributes:
        code: stable identifier, ``HM`` and three digits; never reused for another meaning.
        message: one line: what is wrong, with which thing.
        details: (label, text) pairs, in the order to print.
        hint: the way out, as an imperative sentence or a command; None where none is known.
        origin: ``file:line`` of the user's definition that caused it; None where there is none.
        via: ``file:line in function`` of each call that led from there to where it was raised, outermost first.
    """

    code: ClassVar[str] = "HM000"
    via: tuple[str, ...] = ()

    def __init__(
        self,
        message: str,
        *,
        details: tuple[tuple[str, str], ...] = (),
        hint: str | None = None,
        origin: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details = details
        self.hint = hint
        self.origin = origin

    def __str__(self) -> str:
        """The message with its details and hint, on lines of their own."""
        below = "\n    "
        lines = [self.message, *(f"  {label}  {text.replace(chr(10), below)}" for label, text in self.details)]
        if self.hint:
            lines.append(f"  fix  {self.hint}")
        return "\n".join(lines)


class StoreError(HermeticaError):
    """Something about the store on disk; every error of ``hermetica_store`` is one."""

    code = "HM400"


class InvalidStorePath(StoreError, ValueError):
    """A text that is no store path."""

    code = "HM401"


class InvalidDigest(StoreError, ValueError):
    """A text or byte string that is no digest of the expected kind."""

    code = "HM402"
