"""What ``hermetica doctor --world`` shows: of each factor, whether this host can fix it and vary it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hermetica.cli.status import ENVIRONMENT
from hermetica.realize.world_check import check_world
from hermetica.sandbox import FACTORS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hermetica.cli.session import Session
    from hermetica.realize.world_check import FactorCheck, WorldCheck

FORMAT: Final = "hermetica.worlds/1"


def show_worlds(session: Session) -> int:
    """Tries every factor; ``ENVIRONMENT`` where one cannot be fixed or varied."""
    session.console.say("each factor is tried at each of its levels; this takes a few seconds")
    found = check_world()
    session.console.result(_document(found), _lines(found))
    bad = [each.name for each in found.factors if not each.works]
    session.console.say(
        f"{len(bad)} of {len(found.factors)} factors cannot be had here: {', '.join(bad)}"
        if bad
        else f"all {len(found.factors)} factors can be fixed and varied here"
    )
    return ENVIRONMENT if bad else 0


def _document(found: WorldCheck) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "tier": found.tier,
        "cause": found.cause,
        "works": found.works,
        "factors": [
            {
                "name": each.name,
                "tier": each.tier,
                "what": FACTORS[each.name].doc,
                "level": FACTORS[each.name].default,
                "fixed": each.fixed,
                "varied": each.varied,
                "cause": each.cause,
            }
            for each in found.factors
        ],
    }


def _lines(found: WorldCheck) -> Iterator[str]:
    yield f"tier {found.tier}" + (f", and no higher one: {found.cause}" if found.cause else "")
    width = max(len(each.name) for each in found.factors)
    for each in found.factors:
        yield f"{'ok' if each.works else 'warning':<7}  {each.name:<{width}}  {each.tier}  {_text(each)}"
        if each.cause:
            yield f"{'':9}cause   {each.cause}"


def _text(check: FactorCheck) -> str:
    level = FACTORS[check.name].default
    fixed = f"fixed at {level}" if check.fixed else "not fixed"
    varied = [name for name, is_varied in check.varied.items() if is_varied]
    return f"{fixed}; varied to {', '.join(varied)}" if varied else f"{fixed}; not varied"
