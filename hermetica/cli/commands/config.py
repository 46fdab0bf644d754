"""``hermetica config``: the settings in force."""

from __future__ import annotations

import os
from pathlib import Path
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
    """Prints the settings, the mirrors, and where each is from."""
    from hermetica.config.load import config_file  # noqa: PLC0415 -- loaded by the configuration
    from hermetica.fetch.mirrors import Mirrors  # noqa: PLC0415 -- only here

    config = session.config
    origins = dict(config.origins)
    rows: dict[str, Any] = {
        field.name: _plain(getattr(config, field.name))
        for field in attrs.fields(type(config))
        if field.name not in {"mirrors", "origins"}
    }
    settings = {key: {"value": value, "origin": origins.get(key, "default")} for key, value in rows.items()}
    for name, addresses, said_by in Mirrors.from_config(config).known():
        key = f"mirrors.{name}"
        settings[key] = {"value": list(addresses), "origin": f"the system's {said_by}" if said_by else origins[key]}
    file = config_file(os.environ, Path.cwd())
    there = file is not None and file.is_file()
    root = str(session.objects.root)
    document = {
        "format": "hermetica.config/1",
        "file": None if file is None else str(file),
        "file_exists": there,
        "store_in_use": root,
        "settings": settings,
    }
    place = "no HOME, so none" if file is None else f"{file}{'' if there else '  (not there)'}"
    session.console.result(
        document,
        [
            f"configuration file = {place}",
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
