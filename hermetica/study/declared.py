"""The TOML of a study, from what its log says of it: the file that repeats it. Pure. Source: TOML 1.0.0."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def declared(study: Mapping[str, Any]) -> str:
    """The declaration that says the same.

    Args:
        study: as the event ``study-started`` has it.
    """
    plain = {key: value for key, value in study.items() if not isinstance(value, dict) and value is not None}
    tables: dict[str, dict[str, object]] = {key: value for key, value in study.items() if isinstance(value, dict)}
    lines = [_line(key, value) for key, value in plain.items()]
    for name, table in tables.items():
        lines += ["", f"[{name}]", *(_line(key, value) for key, value in table.items() if value is not None)]
    return "".join(f"{line}\n" for line in lines)


def _line(key: str, value: object) -> str:
    """A key and its value; what JSON writes of texts, numbers and lists is TOML, but for the character DEL."""
    return f"{key} = {json.dumps(value, ensure_ascii=False)}".replace("\x7f", "\\u007f")
