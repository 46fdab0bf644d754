"""The inputs of a derivation: found by scanning its strings for placeholders and store paths."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from hermetica.model.evaluation import current_evaluation
from hermetica.model.placeholder import SELF, Token, scan
from hermetica.model.source import Source, mentioned_digests

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hermetica.model.canonical import Json
    from hermetica.model.derivation import Derivation


@attrs.frozen(kw_only=True)
class Inputs:
    """What a derivation uses.

    Attributes:
        tokens: the placeholders of others' outputs, ascending.
        derivations: (token, derivation) for each of ``tokens``, in their order.
        sources: ascending by path.
    """

    tokens: tuple[Token, ...] = ()
    derivations: tuple[tuple[Token, Derivation], ...] = ()
    sources: tuple[Source, ...] = ()


def _strings(value: Json, where: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _strings(item, f"{where}[{index}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield f"{where}, a key", key
            yield from _strings(item, f"{where}.{key}")


def find_inputs(form: Mapping[str, Json], outputs: tuple[str, ...]) -> Inputs:
    """The inputs that the strings of a canonical form mention.

    Args:
        form: the hashed fields, by name.
        outputs: the names that a placeholder of the derivation itself may have.

    Raises:
        MangledPlaceholder: a reference was damaged.
        UnknownPlaceholder: a reference is of another evaluation.
    """
    scope = current_evaluation()
    tokens: dict[Token, Derivation] = {}
    sources: dict[str, Source] = {}
    for field, value in form.items():
        for where, text in _strings(value, field):
            if len(text) < len("/hermetica/store"):
                continue
            for token in scan(text, where):
                if token.digest == SELF:
                    _check_own(token, outputs, where)
                elif token not in tokens:
                    tokens[token] = scope.derivation(token, where)
            for digest in mentioned_digests(text):
                sources[digest] = scope.source(digest, where)
    ordered = sorted(tokens.items(), key=lambda item: (item[0].digest, item[0].output))
    return Inputs(
        tokens=tuple(token for token, _ in ordered),
        derivations=tuple(ordered),
        sources=tuple(sorted(sources.values(), key=lambda source: source.path)),
    )


def _check_own(token: Token, outputs: tuple[str, ...], where: str) -> None:
    from hermetica.model.derivation import InvalidDerivation  # noqa: PLC0415 -- derivations find their inputs here

    if token.output not in outputs:
        raise InvalidDerivation(
            f"{where}: hm.placeholder({token.output!r}) names no output",
            details=(("outputs", ", ".join(outputs)),),
        )
