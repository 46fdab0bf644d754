"""What the commands about locks share: the network they ask, and the table of what changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from hermetica.cli.session import Session
    from hermetica.fetch import Mirrors, Patience
    from hermetica.fetch.lock import Lock, Pin


def network_of(session: Session) -> tuple[Mirrors, Patience]:
    """What resolves addresses, and how long to wait for one."""
    from hermetica.fetch import Mirrors, Patience  # noqa: PLC0415 -- only what locks needs the network's room

    config = session.config
    patience = Patience(timeout_s=config.fetch_timeout_s, retries=config.fetch_retries)
    return Mirrors.from_config(config), patience


def changed(before: Lock, after: Lock, name: str) -> list[dict[str, str | None]]:
    """What is other content in one group of two locks, ascending by kind and name.

    Each is a dict of ``kind``, ``name``, ``before`` and ``after``; a version is None where there is none.
    """
    old, new = ({(pin.kind, pin.name, pin.version): pin for pin in _pins(lock, name)} for lock in (before, after))
    gone, came = _versions(old, new), _versions(new, old)
    rows: list[dict[str, str | None]] = []
    for kind, package in sorted(gone.keys() | came.keys()):
        left, right = gone.get((kind, package), []), came.get((kind, package), [])
        for index in range(max(len(left), len(right))):
            versions = [side[index] if index < len(side) else None for side in (left, right)]
            rows.append({"kind": kind, "name": package, "before": versions[0], "after": versions[1]})
    return rows


def _pins(lock: Lock, name: str) -> Iterator[Pin]:
    return (pin for group in lock.groups if group.name == name for pin in group.pins)


def _versions(
    pins: dict[tuple[str, str, str], Pin], others: dict[tuple[str, str, str], Pin]
) -> dict[tuple[str, str], list[str]]:
    """The versions by (kind, name) whose content the others do not have under that version."""
    found: dict[tuple[str, str], list[str]] = {}
    for (kind, name, version), pin in sorted(pins.items()):
        other = others.get((kind, name, version))
        if other is None or other.hash != pin.hash:
            found.setdefault((kind, name), []).append(version)
    return found


def show_change(session: Session, file: Path, before: Lock, after: Lock, groups: Iterable[str]) -> None:
    """Prints what changed in some groups of a lock."""
    rows = [{"group": name, **row} for name in groups for row in changed(before, after, name)]
    session.console.result({"format": "hermetica.lock-change/1", "file": str(file), "changes": rows}, table(rows))


def table(rows: Sequence[Mapping[str, str | None]]) -> Iterator[str]:
    """The lines of a table of changes: ``+`` is new, ``-`` is gone, ``~`` is another version or other content.

    Args:
        rows: of ``changed``, each with its ``group``; a group is named where there are several.
    """
    groups = list(dict.fromkeys(row["group"] for row in rows))
    kinds = {row["kind"] for row in rows}
    names = [f"{row['name']} ({row['kind']})" if len(kinds) > 1 else str(row["name"]) for row in rows]
    width = max(map(len, names), default=0)
    old = max((len(row["before"] or "") for row in rows if row["after"] is not None), default=0)
    for group in groups:
        if len(groups) > 1:
            yield f"{group}:"
        for name, row in zip(names, rows, strict=True):
            if row["group"] == group:
                yield f"{'  ' if len(groups) > 1 else ''}{_line(name.ljust(width), row['before'], row['after'], old)}"


def _line(name: str, before: str | None, after: str | None, width: int) -> str:
    if before is None:
        return f"+ {name}  {after}"
    if after is None:
        return f"- {name}  {before}"
    if before == after:
        return f"~ {name}  {after} (other content)"
    return f"~ {name}  {before.ljust(width)} -> {after}"
