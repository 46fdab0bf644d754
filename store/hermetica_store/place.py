"""Where the store of a user lies, by the environment alone."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def default_place(environ: Mapping[str, str]) -> str:
    """``$HERMETICA_STORE``, else below ``$XDG_DATA_HOME``, else below ``~/.local/share``."""
    if chosen := environ.get("HERMETICA_STORE"):
        return os.path.expanduser(chosen)  # noqa: PTH111 -- pathlib costs more than some commands
    data = environ.get("XDG_DATA_HOME", "")
    base = data if data.startswith("/") else os.path.expanduser("~/.local/share")  # noqa: PTH111 -- pathlib costs more than some commands
    return f"{base}/hermetica"
