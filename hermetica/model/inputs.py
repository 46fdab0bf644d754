"""The inputs of a derivation: found by scanning its strings for placeholders and store paths."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import attrs

from hermetica.errors import EvaluationError
from hermetica.model.canonical import UnhashableValue, encode_normalised
from hermetica.model.evaluation import current_evaluation
from hermetica.model.placeholder import MangledPlaceholder, is_own, is_whole, parse, token_texts
from hermetica.model.source import Source, mentioned_digests

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hermetica.model.canonical import Json
    from hermetica.model.derivation import Derivation
    from hermetica.model.evaluation import Evaluation
    from hermetica.model.placeholder import Token


@attrs.frozen(kw_only=True)
class Inputs:
    """What a derivation uses.

    Attributes:
        texts: the placeholders of others' outputs as text, ascending.
        derivations: (token, derivation) for each of ``texts``, in their order.
        sources: ascending by path.
    """

    texts: tuple[str, ...] = ()
    derivations: tuple[tuple[Token, Derivation], ...] = ()
    sources: tuple[Source, ...] = ()

    @property
    def tokens(self) -> tuple[Token, ...]:
        """The placeholders of others' outputs, in the order of ``texts``."""
        return tuple(token for token, _ in self.derivations)


_NOTHING = Inputs()
_FLAT = frozenset({"env", "export_references"})  # mappings of strings to strings


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


def _texts(form: Mapping[str, Json]) -> Iterator[str]:
    """All strings of a form, to be scanned in one go; JSON leaves placeholders and store paths as they are."""
    for field, value in form.items():
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            yield "\0".join(cast("list[str]", value))
        elif field in _FLAT:
            flat = cast("dict[str, str]", value)
            yield "\0".join([*flat, *flat.values()])
        else:
            yield encode_normalised(value).decode()


def find_inputs(form: Mapping[str, Json], outputs: tuple[str, ...]) -> Inputs:
    """The inputs that the strings of a form mention.

    Args:
        form: the hashed fields, by name.
        outputs: the names that a placeholder of the derivation itself may have.

    Raises:
        MangledPlaceholder: a reference was damaged.
        UnknownPlaceholder: a reference is of another evaluation.
        UnhashableValue: a reference stands in a key.
    """
    for field in ("env", "structured"):
        _check_keys(form.get(field), field)
    scope = current_evaluation()
    try:
        return _inputs_in("\0".join(_texts(form)), outputs, scope, "a field")
    except EvaluationError:
        for where, string in _strings(dict(form), ""):
            _inputs_in(string, outputs, scope, where.removeprefix("."))
        raise


def _inputs_in(text: str, outputs: tuple[str, ...], scope: Evaluation, where: str) -> Inputs:
    found = token_texts(text)
    if not is_whole(text, len(found)):
        raise MangledPlaceholder(where, text)
    sources = {digest: scope.source(digest, where) for digest in mentioned_digests(text)}
    if not found and not sources:
        return _NOTHING
    texts: list[str] = []
    derivations: list[tuple[Token, Derivation]] = []
    for token_text in sorted(set(found)):
        if is_own(token_text):
            _check_own(parse(token_text), outputs, where)
        else:
            texts.append(token_text)
            derivations.append(scope.tokens.get(token_text) or scope.find(token_text, where))
    return Inputs(
        texts=tuple(texts),
        derivations=tuple(derivations),
        sources=tuple(sorted(sources.values(), key=lambda source: source.path)),
    )


def _check_keys(value: Json, where: str) -> None:
    if isinstance(value, dict):
        if where in _FLAT and not token_texts("\0".join(value)):
            return
        for key, item in value.items():
            if token_texts(key):
                why = "paths in keys would be sorted before they are known; put it in a value"
                raise UnhashableValue(where, "a placeholder in a key", why)
            _check_keys(item, f"{where}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check_keys(item, f"{where}[{index}]")


def _check_own(token: Token, outputs: tuple[str, ...], where: str) -> None:
    from hermetica.model.derivation import InvalidDerivation  # noqa: PLC0415 -- derivations find their inputs here

    if token.output not in outputs:
        raise InvalidDerivation(
            f"{where}: hm.placeholder({token.output!r}) names no output",
            details=(("outputs", ", ".join(outputs)),),
        )
