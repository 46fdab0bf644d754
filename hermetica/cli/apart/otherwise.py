"""Surroundings that should make no difference to an evaluation, and what it says of it if one does. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from hermetica.cli.apart.surroundings import Surroundings

if TYPE_CHECKING:
    from collections.abc import Mapping

_FAR_S: Final = 400 * 86_400 + 7 * 3_600 + 11 * 60 + 13  # another second, hour, day, weekday, month and year


@attrs.frozen(kw_only=True)
class Otherwise:
    """One way in which surroundings differ.

    Attributes:
        what: an id depends on where it differs too, in words.
        environment: variables with another value.
        directory: the working directory.
        sees_all: whether the whole machine is in sight.
        any_variable: whether every variable that is looked at has a value.
        clock_shift_s: how far ahead the clock is.
    """

    what: str
    environment: Mapping[str, str] = attrs.field(factory=dict[str, str])
    directory: str | None = None
    sees_all: bool = False
    any_variable: bool = False
    clock_shift_s: int = 0

    def of(self, surroundings: Surroundings) -> Surroundings:
        """Surroundings that are otherwise."""
        return Surroundings(
            places=("/", *surroundings.places) if self.sees_all else surroundings.places,
            links=() if self.sees_all else surroundings.links,
            environment={**surroundings.environment, **self.environment},
            directory=surroundings.directory if self.directory is None else self.directory,
        )

    @property
    def inside(self) -> dict[str, Any]:
        """What the child itself has to do about it."""
        return {"any_variable": self.any_variable, "clock_shift_s": self.clock_shift_s}


AS_EVER: Final = Otherwise(what="")
AGAIN: Final = Otherwise(what="chance, the clock, or where objects lie in memory")
VARIANTS: Final = (
    Otherwise(what="the order of a set, or a hash", environment={"PYTHONHASHSEED": "20261"}),
    Otherwise(what="a variable that the project does not declare", any_variable=True),
    Otherwise(what="the home directory or the user's name", environment={"HOME": "/home/other", "USER": "other"}),
    Otherwise(what="the time zone", environment={"TZ": "Asia/Kathmandu"}),
    Otherwise(what="the language", environment={"LANG": "C", "LC_ALL": "POSIX"}),
    Otherwise(what="the clock", clock_shift_s=_FAR_S),
    Otherwise(what="the working directory", directory="/tmp"),  # noqa: S108 -- the child's own
    Otherwise(what="what lies outside the project", sees_all=True),
)
