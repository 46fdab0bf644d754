"""``hermetica config``: the settings in force."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from hermetica.cli.parser import actions

if TYPE_CHECKING:
    import argparse

    from hermetica.cli.session import Session


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    actions(parser, {"show": "print every setting"})


def run(session: Session) -> int:
    """Prints the settings, and where each is from."""
    config = session.config
    origins = dict(config.origins)
    rows: dict[str, Any] = {
        field.name: _plain(getattr(config, field.name))
        for field in attrs.fields(type(config))
        if field.name not in {"mirrors", "origins"}
    }
    rows |= {f"mirrors.{name}": list(addresses) for name, addresses in config.mirrors}
    settings = {key: {"value": value, "origin": origins.get(key, "default")} for key, value in rows.items()}
    root = str(session.objects.root)
    session.console.result(
        {"format": "hermetica.config/1", "store_in_use": root, "settings": settings},
        [
            f"store in use = {root}",
            *(f"{key} = {_shown(row['value'])}  ({row['origin']})" for key, row in settings.items()),
        ],
    )
    return 0


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, int | float) else str(value)


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] -- addresses
    return "not set" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
