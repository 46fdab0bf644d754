"""The results of a study as tables that others can analyse anew: rows of texts and numbers. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from hermetica.study.machines import hosts_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

CELLS: Final = ("target", "name", "factor", "state", "builds", "differing", "files", "tier")
TRIALS: Final = (
    *("target", "name", "drv", "key", "time_s", "trial", "levels", "repeat", "shaken", "tier", "duration_s", "cpu_s"),
    *("failed", "changed", "alike", "host"),
)


def cell_rows(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row a target and factor."""
    return [
        {
            "target": target["target"],
            "name": target["name"],
            "factor": factor,
            **cell,
            "tier": target["tier"] or "",
        }
        for target in results["targets"]
        for factor, cell in target["factors"].items()
    ]


def trial_rows(events: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A row a build; ``host`` is the number of the results' host that it was made on, from 1."""
    events, host = list(events), 0
    hosts, rows = hosts_of(events), list[dict[str, Any]]()
    for event in events:
        if event["kind"] == "study-started":
            host = 1 + hosts.index(event["host"])
        elif event["kind"] == "trial":
            rows.append(
                {
                    **{name: event[name] for name in TRIALS if name != "host"},
                    "levels": json.dumps(event["levels"], sort_keys=True),
                    "changed": len(event["changed"] or ()),
                    "alike": event["alike"] or "",
                    "host": host,
                }
            )
    return rows


def csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Rows as RFC 4180 has it, with a header."""
    lines = [columns, *([row[column] for column in columns] for row in rows)]
    return "".join(",".join(map(_field, line)) + "\r\n" for line in lines)


def _field(value: object) -> str:
    text = str(value)
    if any(mark in text for mark in '",\r\n'):
        return f'"{text.replace(chr(34), chr(34) * 2)}"'
    return text
