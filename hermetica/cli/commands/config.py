"""``hermetica config``: the settings in force."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from hermetica.cli.parser import actions

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

    from hermetica.cli.session import Session


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    actions(parser, {"show": "print every setting"})


def run(session: Session) -> int:
    """Prints the settings."""
    settings = attrs.asdict(session.config, value_serializer=_plain)
    root = str(session.objects.root)
    session.console.result(
        {"format": "hermetica.config/1", "store_in_use": root, **settings},
        [f"store in use = {root}", *_lines(settings)],
    )
    return 0


def _plain(_instance: object, _field: object, value: object) -> object:
    return value if value is None or isinstance(value, str | int | float | list | tuple | dict) else str(value)


def _lines(settings: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in settings.items():
        if isinstance(value, dict) and value:
            yield from _lines(value, f"{prefix}{name}.")  # pyright: ignore[reportUnknownArgumentType] -- foreign data
        else:
            yield f"{prefix}{name} = {'not set' if value in (None, {}, (), []) else value}"
