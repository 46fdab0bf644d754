"""What somebody could have meant who typed a name that nothing has.

Nothing is imported before somebody did: the parser of command lines asks here, too, and must stay cheap.
"""

from __future__ import annotations

_CLOSE = 0.65
_AS_CLOSE = 0.15


def close_names(word: str, known: list[str]) -> list[str]:
    """At most three of ``known`` that could be meant by ``word``, the closest first; none that merely exist."""
    from difflib import SequenceMatcher  # noqa: PLC0415 -- only after a typo

    rated = sorted((-SequenceMatcher(None, word.casefold(), name.casefold()).ratio(), name) for name in known)
    best = rated[0][0] if rated else 0.0
    return [name for rate, name in rated[:3] if rate <= -_CLOSE and rate <= best + _AS_CLOSE]


def did_you_mean(word: str, known: list[str]) -> str | None:
    """The hint that names what is close to ``word``; None where nothing is."""
    close = close_names(word, known)
    return f"did you mean {' or '.join(close)}?" if close else None
