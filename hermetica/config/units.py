"""Amounts as people type them."""

from __future__ import annotations

import re
from typing import Final

_BYTES: Final = {
    "": 1,
    "k": 10**3,
    "m": 10**6,
    "g": 10**9,
    "t": 10**12,
    "ki": 2**10,
    "mi": 2**20,
    "gi": 2**30,
    "ti": 2**40,
}
_SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def _amount(text: str, units: dict[str, int]) -> int:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", text.strip().lower())
    unit = found[2].removesuffix("b") if found and units is _BYTES else found[2] if found else ""
    if found is None or unit not in units:
        raise ValueError(text)
    return int(float(found[1]) * units[unit])


def size_bytes(text: str) -> int:
    """Bytes: ``1500``, ``10G``, ``2.5 GiB``; k, M, G, T are powers of 1000, Ki and its kind of 1024.

    Raises:
        ValueError: it is no amount.
    """
    return _amount(text, _BYTES)


def age_s(text: str) -> int:
    """Seconds: ``90``, ``30m``, ``12h``, ``7d``, ``2w``.

    Raises:
        ValueError: it is no length of time.
    """
    return _amount(text, _SECONDS)


size_bytes.__name__ = "amount of bytes such as 10G"
age_s.__name__ = "length of time such as 7d"
