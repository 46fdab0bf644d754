"""What a field said and says, in one line: references by name, and of long texts the line that differs. Pure."""

from __future__ import annotations

import json
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, Final

from hermetica.cli.views.words import many
from hermetica.model.placeholder import SELF, Token, substitute

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hermetica.model.difference import FieldChange

_SHOWN_CHARACTERS: Final = 60
_BEFORE_CHARACTERS: Final = 16
_ABSENT: Final = "(not set)"
_ARGUMENTS: Final = "structured.function.named."  # of a builder in Python


def change_text(change: FieldChange, names: Mapping[str, str]) -> str:
    """``env.CFLAGS "-O2" -> "-O3"``.

    Args:
        change: what differs.
        names: what references lead to, by the 32 characters that name it.
    """
    before, after = (None if value is None else json.loads(value) for value in (change.before, change.after))
    if not isinstance(before, str) or not isinstance(after, str):
        return f"{_place(change.field)} {_value(before, names)} -> {_value(after, names)}"
    before, after = (with_names(text, names) for text in (before, after))
    where, more = _place(change.field), 0
    if "\n" in before or "\n" in after:
        line, before, after, more = _lines(before.splitlines(), after.splitlines())
        where = f"{where}, line {line},"
    shown = [_ABSENT if text is None else _quoted(text) for text in _clipped(before, after)]
    return f"{where} {shown[0]} -> {shown[1]}" + (f" and {many(more, 'more line')}" if more else "")


def _place(field: str) -> str:
    """A field as its author knows it: an argument by its name."""
    return f"argument {field.removeprefix(_ARGUMENTS)}" if field.startswith(_ARGUMENTS) else field


def with_names(text: str, names: Mapping[str, str]) -> str:
    """``text`` with ``${zlib.dev}`` in place of placeholders."""

    def spell(token: Token) -> str:
        name = "" if token.digest == SELF else names.get(token.digest, "?")
        if not name:
            return f"${{{token.output}}}"
        return f"${{{name}}}" if token.output == "out" else f"${{{name}.{token.output}}}"

    return substitute(text, spell)


def _lines(before: Sequence[str], after: Sequence[str]) -> tuple[int, str | None, str | None, int]:
    """The first line that differs: its number, what it was and is, and how many more differ."""
    codes = SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    changed = [code for code in codes if code[0] != "equal"]
    if not changed:  # only the newline at the end
        return len(after), before[-1] if before else None, after[-1] if after else None, 0
    _, start, end, first, last = changed[0]
    count = sum(max(code[2] - code[1], code[4] - code[3]) for code in changed)
    was, now = before[start] if start < end else None, after[first] if first < last else None
    return first + 1, was, now, count - 1


def _clipped(before: str | None, after: str | None) -> tuple[str | None, str | None]:
    """Both without a long beginning that is the same, and no longer than can be read."""
    pairs = zip(before or "", after or "", strict=False)
    same = next((at for at, (one, other) in enumerate(pairs) if one != other), min(len(before or ""), len(after or "")))
    longest = max(len(before or ""), len(after or ""))
    cut = max(0, same - _BEFORE_CHARACTERS) if longest > _SHOWN_CHARACTERS else 0
    return _short(before, cut), _short(after, cut)


def _short(text: str | None, cut: int) -> str | None:
    if text is None:
        return None
    rest = text[cut:]
    shown = rest if len(rest) <= _SHOWN_CHARACTERS else f"{rest[:_SHOWN_CHARACTERS]}…"
    return f"…{shown}" if cut else shown


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _value(value: Any, names: Mapping[str, str]) -> str:
    if value is None:
        return _ABSENT
    text = with_names(_quoted(value), names)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
