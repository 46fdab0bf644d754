"""What a canonical form says of itself, found in its text: reading it as JSON takes ten times as long.

Members are in order, and within strings a quote has a backslash before it. So the first ``outputs`` that is an array
is the form's own: what comes before it and has names of the user's choice holds no arrays under them. ``inputs``
come before it, ``sources`` after it, and only then ``structured``, which may hold whatever its user likes. Only strings
come before ``builder``, and ``env`` holds nothing else: so the first brace that ends it, a comma and a quote behind it,
is its own.
"""

from __future__ import annotations

import re
from typing import Any, Final

from hermetica.model.identity import BETWEEN, FORMAT_MEMBER

_BUILDER: Final = '],"builder":"'
_ENV: Final = '","env":{'  # with the quote that ends the builder
_ENV_END: Final = '},"'
_USUAL: Final = re.compile(  # from where env ends
    rf'\}},{FORMAT_MEMBER}(?:,"inputs":\["[^\]]*"\])?,"name":"([^"\\]*)","outputs":\["([^\]]*)"\]'
    r'(?:,"pass_as_file":\["[^\]]*"\])?(?:,"rootfs":"[^"\\]*")?(?:,"sources":\["[^\]]*"\])?,"system":"([^"\\]*)"\}'
)
_NAME: Final = '"name":"'
_OUTPUTS: Final = '","outputs":["'  # with the quote that ends the name
_INPUTS: Final = ',"inputs":["'
_SOURCES: Final = ',"sources":["'
_STRUCTURED: Final = ',"structured":{'
_END: Final = '"]'


def usual_fields(canonical: str) -> dict[str, Any] | None:
    """Those fields of a usual form that are plain: name, builder, outputs and system; None of an unusual one.

    A usual form has no fixed output, checks, features, structured attributes or exported references, which most
    derivations do without, and nothing to escape in what is told here.
    """
    start = canonical.find(_BUILDER) + len(_BUILDER)
    end = canonical.find('"', start)
    builder = canonical[start:end]
    if "\\" in builder or not canonical.startswith(_ENV, end):
        return None
    rest = _USUAL.fullmatch(canonical, canonical.find(_ENV_END, end + len(_ENV)))
    if rest is None:
        return None
    name, outputs, system = rest.groups()
    return {"name": name, "builder": builder, "outputs": tuple(outputs.split(BETWEEN)), "system": system}


def name_in(canonical: str) -> str:
    """The derivation's name.

    Raises:
        ValueError: the text is no form of a derivation.
    """
    end = canonical.index(_OUTPUTS)
    return canonical[canonical.rindex(_NAME, 0, end) + len(_NAME) : end]


def outputs_in(canonical: str) -> tuple[str, ...]:
    """Its outputs, in order.

    Raises:
        ValueError: likewise.
    """
    return tuple(_texts(canonical, canonical.index(_OUTPUTS), _OUTPUTS))


def inputs_and_sources(canonical: str) -> tuple[list[str], list[str]]:
    """The placeholders of others' outputs that it mentions, and the store paths of its sources; both ascending.

    Raises:
        ValueError: the text is no form of a derivation.
    """
    inputs, sources = _places(canonical)
    return _texts(canonical, inputs, _INPUTS), _texts(canonical, sources, _SOURCES)


def without_inputs_and_sources(canonical: str) -> str:
    """The form as if it had none.

    Raises:
        ValueError: the text is no form of a derivation.
    """
    for start in reversed(_places(canonical)):
        if start >= 0:
            canonical = canonical[:start] + canonical[canonical.index(_END, start) + len(_END) :]
    return canonical


def _places(canonical: str) -> tuple[int, int]:
    """Where ``inputs`` and ``sources`` begin, each with the comma before it; -1 where there are none."""
    outputs = canonical.index(_OUTPUTS)
    sources = canonical.find(_SOURCES, outputs)
    if sources >= 0 and canonical.find(_STRUCTURED, outputs, sources) >= 0:
        sources = -1
    return canonical.find(_INPUTS, 0, outputs), sources


def _texts(canonical: str, start: int, member: str) -> list[str]:
    """The texts of an array, none of which has anything to escape."""
    return canonical[start + len(member) : canonical.index(_END, start)].split(BETWEEN) if start >= 0 else []
