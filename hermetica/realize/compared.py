"""What one comparison of builds found. Pure."""

from __future__ import annotations

import attrs


@attrs.frozen(kw_only=True)
class Compared:
    """What one comparison found.

    Attributes:
        by: ``check``, ``rounds`` or ``study``.
        drv: the derivation's id.
        resolved_id: what was built.
        name: of the derivation.
        time_s: when.
        again: further builds in the world of the first.
        differing: those of them that differed.
        worlds_differ: whether some other world changed anything; None where none was tried.
    """

    by: str
    drv: str
    resolved_id: str
    name: str
    time_s: float
    again: int
    differing: int
    worlds_differ: bool | None = None
