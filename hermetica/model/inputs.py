"""The inputs of a derivation: found by scanning its strings for placeholders and store paths."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

import attrs

from hermetica.errors import EvaluationError
from hermetica.model.canonical import UnhashableValue
from hermetica.model.evaluation import current_evaluation
from hermetica.model.placeholder import MangledPlaceholder, is_own, is_whole, parse, token_texts
from hermetica.model.source import Source, mentioned_digests
from hermetica_store.path import StorePath

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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


def find_inputs(derivation: Derivation, members: Iterable[str]) -> Inputs:
    """The inputs that the strings of a form mention.

    Args:
        derivation: whose form it is.
        members: the hashed fields, as JSON, which leaves placeholders and store paths as they are.

    Raises:
        MangledPlaceholder: a reference was damaged.
        UnknownPlaceholder: a reference is of another evaluation.
        UnhashableValue: a reference stands in a key.
    """
    env, structured = derivation.env, derivation.structured
    if structured or (env and token_texts("".join(env))):
        for field, value in (("env", env), ("structured", structured)):
            _check_keys(value, field)
    text = ",".join(members)
    scope = current_evaluation()
    try:
        return _inputs_in(text, derivation.outputs, scope, "a field")
    except EvaluationError:
        return _inputs_of_each(json.loads(f"{{{text}}}"), derivation.outputs, scope)


def inputs_stated(scope: Evaluation, texts: Iterable[str], paths: Iterable[str]) -> Inputs:
    """The inputs that a form says it has.

    Args:
        scope: the evaluation that they are in.
        texts: placeholders of others' outputs, ascending.
        paths: store paths of sources, ascending.

    Raises:
        UnknownPlaceholder: one is of another evaluation.
        ValueError: one is none.
    """
    return Inputs(
        texts=tuple(texts),
        derivations=tuple([scope.tokens.get(each) or scope.find(each, "inputs") for each in texts]),
        sources=tuple([scope.source(StorePath.parse(each).digest, "sources") for each in paths]),
    )


def _inputs_of_each(form: dict[str, Json], outputs: tuple[str, ...], scope: Evaluation) -> Inputs:
    """The same, slower, string by string: where one is wrong, the error says which."""
    strings = list(_strings(form, ""))
    for where, string in strings:
        _inputs_in(string, outputs, scope, where.removeprefix("."))
    return _inputs_in("\0".join([string for _, string in strings]), outputs, scope, "a field")


def _inputs_in(text: str, outputs: tuple[str, ...], scope: Evaluation, where: str) -> Inputs:
    found = token_texts(text)
    if not is_whole(text, len(found)):
        raise MangledPlaceholder(where, text)
    mentioned = mentioned_digests(text)
    if not found and not mentioned:
        return _NOTHING
    texts, tokens = sorted(set(found)), scope.tokens
    if texts and is_own(texts[0]):  # they come first
        others = [each for each in texts if not is_own(each)]
        for each in texts[: len(texts) - len(others)]:
            _check_own(parse(each), outputs, where)
        texts = others
    sources = {digest: scope.source(digest, where) for digest in mentioned}
    return Inputs(
        texts=tuple(texts),
        derivations=tuple([tokens.get(each) or scope.find(each, where) for each in texts]),
        sources=tuple(sorted(sources.values(), key=lambda source: source.path)) if sources else (),
    )


def _check_keys(value: Json, where: str) -> None:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if token_texts(key):
                why = "paths in keys would be sorted before they are known; put it in a value"
                raise UnhashableValue(where, "a placeholder in a key", why)
            _check_keys(item, f"{where}.{key}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _check_keys(item, f"{where}[{index}]")


def _check_own(token: Token, outputs: tuple[str, ...], where: str) -> None:
    from hermetica.model.derivation import InvalidDerivation  # noqa: PLC0415 -- derivations find their inputs here

    if token.output not in outputs:
        raise InvalidDerivation(
            f"{where}: hm.placeholder({token.output!r}) names no output",
            details=(("outputs", ", ".join(outputs)),),
        )
