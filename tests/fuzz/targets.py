"""Every fuzz target by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.fuzz import commands, exchange, index, reading, unpacking

if TYPE_CHECKING:
    from tests.fuzz.target import Target

TARGETS: Final[dict[str, Target]] = {
    target.name: target for room in (unpacking, reading, index, commands, exchange) for target in room.TARGETS
}
