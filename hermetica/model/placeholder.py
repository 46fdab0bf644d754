"""Placeholders: plain text that stands for the path of an output until it is realized.

A token is ``/`` HEAD, 32 characters that name the derivation, ``x``, the output's name in hexadecimal, TAIL. HEAD and
TAIL are digits, the rest lower-case letters and digits: shells, JSON, URLs, regular expressions and ``textwrap``
leave them alone, and re-casing cannot hide that a token was there. So a token that was cut, re-cased or ``repr()``-ed
is noticed: heads, tails and whole tokens must agree in number, where ten digits of a head or a tail count as one. A
piece that keeps fewer than ten digits of both is not noticed. Source: docs/format-derivation.md, "Placeholders".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import attrs

from hermetica.errors import EvaluationError
from hermetica.model.origin import user_line
from hermetica_store.digest import ALPHABET, base32

if TYPE_CHECKING:
    from collections.abc import Callable

    from hermetica_store.digest import Digest

HEAD: Final = "730159264817"
_TAIL: Final = "718462951037"
_HEAD_PIECE: Final = HEAD[:10]
_TAIL_PIECE: Final = _TAIL[-10:]
SELF: Final = "0" * 32  # names the derivation that the text stands in
_OWN: Final = f"/{HEAD}{SELF}x"
_OUTPUT: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_TOKEN: Final = re.compile(rf"/{HEAD}([{ALPHABET}]{{32}})x((?:[3-7][0-9a-f])+?){_TAIL}")
_WHOLE_TOKEN: Final = re.compile(rf"/{HEAD}[{ALPHABET}]{{32}}x(?:[3-7][0-9a-f])+?{_TAIL}")
_REPR: Final = "<Derivation "
_DIGITS: Final = str.maketrans(ALPHABET, "0123456789abcdefghijklmnopqrstuv")
_TRACE: Final = re.compile(rf"{_HEAD_PIECE}|{_TAIL_PIECE}|{_REPR}")


class MangledPlaceholder(EvaluationError, ValueError):
    """A text in which a reference to a derivation was cut, re-cased or ``repr()``-ed."""

    code = "HM203"

    def __init__(self, where: str, text: str) -> None:
        found = _TRACE.search(text)
        at = found.start() if found else 0
        super().__init__(
            f"{where}: a reference to a derivation was cut, re-cased or repr()-ed",
            details=(("text", repr(text[max(0, at - 24) : at + 48])),),
            hint='interpolate it whole: f"{dep}/bin/x", never dep[:n], dep.upper() or {dep!r}',
            origin=user_line(),
        )


class InvalidOutputName(EvaluationError, ValueError):
    """A name that no output may have."""

    code = "HM204"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"not a name for an output: {name!r}",
            hint="use letters, digits and _, a letter first, at most 64",
            origin=user_line(),
        )


@attrs.frozen
class Token:
    """One placeholder.

    Attributes:
        digest: 32 characters that name a derivation, or ``SELF``.
        output: the output's name.
    """

    digest: str
    output: str

    def __str__(self) -> str:
        return f"/{HEAD}{self.digest}x{self.output.encode().hex()}{_TAIL}"


def check_output_name(name: str) -> str:
    """``name``, if an output may have it.

    Raises:
        InvalidOutputName: it may not.
    """
    if not _OUTPUT.fullmatch(name):
        raise InvalidOutputName(name)
    return name


def digest_text(digest: Digest) -> str:
    """The 32 characters, 160 bits, by which a token names a derivation."""
    return base32(int.from_bytes(digest.raw[:20], "big"), 32)


def digest_start(text: str) -> bytes:
    """The first 20 bytes of the digest that a token names a derivation by: ``digest_text``, read back."""
    return int(text.translate(_DIGITS), 32).to_bytes(20, "big")


def placeholder(output: str = "out") -> str:
    """The path of the derivation's own output, in the text of its own fields.

    Raises:
        InvalidOutputName: no output may have that name.
    """
    return str(Token(SELF, check_output_name(output)))


def scan(text: str, where: str) -> list[Token]:
    """The placeholders in ``text``, in order, repeats included.

    Raises:
        MangledPlaceholder: the text holds pieces of one.
    """
    found = token_texts(text)
    if not is_whole(text, len(found)):
        raise MangledPlaceholder(where, text)
    return [parse(token) for token in found]


def token_texts(text: str) -> list[str]:
    """The whole placeholders in ``text``, in order, as they stand there."""
    return _WHOLE_TOKEN.findall(text) if HEAD in text else []


def is_own(text: str) -> bool:
    """Whether a whole placeholder stands for the derivation that the text is in."""
    return text.startswith(_OWN)


def is_whole(text: str, tokens: int) -> bool:
    """Whether ``text``, which holds so many whole placeholders, holds no piece of another."""
    return text.count(_HEAD_PIECE) == text.count(_TAIL_PIECE) == tokens and _REPR not in text


def parse(text: str) -> Token:
    """The placeholder that ``text`` is, and nothing beside it.

    Raises:
        ValueError: it is something else.
    """
    found = _TOKEN.fullmatch(text)
    if found is None:
        raise ValueError(f"no placeholder: {text!r}")
    return Token(found[1], bytes.fromhex(found[2]).decode())


def substitute(text: str, path_of: Callable[[Token], str]) -> str:
    """``text`` with every placeholder replaced by what ``path_of`` says."""
    if HEAD not in text:
        return text
    return _TOKEN.sub(lambda found: path_of(Token(found[1], bytes.fromhex(found[2]).decode())), text)
