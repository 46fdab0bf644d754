"""The JSON form of an attribution, which logs keep. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hermetica.study.causes import Attribution, Causes
from hermetica.study.trials import Atom, levels_of

if TYPE_CHECKING:
    from collections.abc import Mapping


def attribution_json(found: Attribution) -> dict[str, Any]:
    """An attribution as a JSON object."""
    return {
        "examined": found.examined,
        "builds": found.builds,
        "failed": found.failed,
        "is_complete": found.is_complete,
        "factors": sorted(found.factors),
        "files": [_file_json(each) for each in found.files],
    }


def _file_json(causes: Causes) -> dict[str, Any]:
    return {
        "path": causes.path,
        "sets": [levels_of(each) for each in causes.sets],
        "races": causes.races,
        "suspects": [sorted(each) for each in causes.suspects],
        "is_complete": causes.is_complete,
        "factors": sorted(causes.factors),
    }


def read_attribution(document: Mapping[str, Any]) -> Attribution:
    """The attribution that a JSON object tells of."""
    files = tuple(
        Causes(
            path=each["path"],
            sets=tuple(frozenset(Atom(*pair) for pair in levels.items()) for levels in each["sets"]),
            races=each["races"],
            suspects=tuple(map(frozenset, each.get("suspects", ()))),  # logs of earlier versions have none
            is_complete=each["is_complete"],
        )
        for each in document["files"]
    )
    return Attribution(
        files=files,
        examined=document["examined"],
        builds=document["builds"],
        failed=document["failed"],
        is_complete=document["is_complete"],
    )
