"""Where Go finds modules: its settings, and which modules it keeps from proxies. Pure.

Sources: The Go Modules Reference, *Environment variables*, *Private modules*; ``go help environment``.
"""

from __future__ import annotations

import fnmatch
import re
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["GoSettings", "escaped", "parse_go", "unescaped"]

_SCHEMES: Final = ("http://", "https://", "file://")
_VARIABLES: Final = ("GOPROXY", "GONOPROXY", "GOPRIVATE")


def escaped(text: str) -> str:
    """A module path or version as proxies write it, for file systems that cannot tell capitals from small letters."""
    return re.sub(r"[A-Z]", lambda found: f"!{found[0].lower()}", text)


def unescaped(text: str) -> str:
    """What ``escaped`` made it from."""
    return re.sub(r"!([a-z])", lambda found: found[1].upper(), text)


@attrs.frozen(kw_only=True)
class GoSettings:
    """Which proxies Go asks, and for what it asks none.

    Attributes:
        proxies: URLs without a final slash, in order.
        takes_default: whether nothing is set, and Go asks a proxy of its own.
        private: glob patterns of module paths.
    """

    proxies: tuple[str, ...] = ()
    takes_default: bool = False
    private: tuple[str, ...] = ()

    def is_private(self, module: str) -> bool:
        """Whether a module is none of a proxy's business: a pattern fits its path or the beginning of it."""
        parts = module.split("/")
        for pattern in self.private:
            globs = pattern.rstrip("/").split("/")
            if len(globs) <= len(parts) and all(map(fnmatch.fnmatchcase, parts, globs)):
                return True
        return False


def parse_go(file: str, environ: Mapping[str, str]) -> GoSettings:
    """The settings in the file that ``go env -w`` writes, and in variables, which win.

    What stands after ``direct`` or ``off`` is left out: there Go asks version control, or nobody.
    """
    lines = (line.partition("=") for line in file.splitlines() if not line.startswith("#"))
    values = {name.strip(): value.strip() for name, _, value in lines if name.strip() in _VARIABLES}
    values |= {name: environ[name] for name in _VARIABLES if environ.get(name)}
    private = values.get("GONOPROXY") or values.get("GOPRIVATE", "")
    return GoSettings(
        proxies=_proxies(values.get("GOPROXY", "")),
        takes_default=not values.get("GOPROXY"),
        private=tuple(pattern.strip() for pattern in private.split(",") if pattern.strip() not in {"", "none"}),
    )


def _proxies(text: str) -> tuple[str, ...]:
    found: list[str] = []
    for word in text.replace("|", ",").split(","):
        if word.strip() in {"direct", "off"}:
            break
        if word.strip().startswith(_SCHEMES):
            found.append(word.strip().rstrip("/"))
    return tuple(found)
