"""The evaluation scope: which derivation a placeholder in a plain string means.

A placeholder is only text; what it stands for is kept here, for as long as the scope lives. Code outside any
``evaluation()`` shares one scope per process, so that a module of derivations can simply be imported.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

import attrs

from hermetica.errors import EvaluationError
from hermetica.model.placeholder import SELF, parse, substitute

if TYPE_CHECKING:
    from collections.abc import Generator

    from hermetica.model.derivation import Derivation
    from hermetica.model.placeholder import Token
    from hermetica.model.source import Source


class UnknownPlaceholder(EvaluationError, LookupError):
    """A placeholder of another evaluation, or a store path that nothing here declared."""

    code = "HM206"


def _no_derivations() -> dict[str, Derivation]:
    return {}


def _no_tokens() -> dict[str, tuple[Token, Derivation]]:
    return {}


def _no_sources() -> dict[str, Source]:
    return {}


@attrs.frozen(eq=False)
class Evaluation:
    """What the placeholders of one evaluation mean.

    Attributes:
        derivations: by the 32 characters that their tokens carry.
        tokens: by the text of a placeholder that was made here: what it means.
        sources: by the digest of their store path.
    """

    derivations: dict[str, Derivation] = attrs.field(factory=_no_derivations)
    tokens: dict[str, tuple[Token, Derivation]] = attrs.field(factory=_no_tokens)
    sources: dict[str, Source] = attrs.field(factory=_no_sources)

    def intern(self, text: str, token: Token, derivation: Derivation) -> None:
        """Remembers what ``text`` means; of several recipes for one fixed content the first stays."""
        self.tokens[text] = token, self.derivations.setdefault(token.digest, derivation)

    def find(self, text: str, where: str) -> tuple[Token, Derivation]:
        """What a whole placeholder means.

        Raises:
            UnknownPlaceholder: this evaluation never made its derivation.
            UnknownOutput: its derivation has no such output.
        """
        token = parse(text)
        derivation = self.derivation(token, where)
        derivation.placeholder(token.output)
        return token, derivation

    def render(self, text: str) -> str:
        """``text`` for people: ``${zlib.dev}`` in place of a placeholder."""

        def spell(token: Token) -> str:
            known = self.derivations.get(token.digest)
            return f"${{{'this' if token.digest == SELF else known.name if known else '?'}.{token.output}}}"

        return substitute(text, spell)

    def derivation(self, token: Token, where: str) -> Derivation:
        """The derivation that ``token`` names.

        Raises:
            UnknownPlaceholder: this evaluation never made it.
        """
        found = self.derivations.get(token.digest)
        if found is None:
            raise UnknownPlaceholder(
                f"{where}: placeholder {token.digest[:8]}… belongs to no derivation of this evaluation",
                hint="make the string in the same evaluation() as the derivation that uses it",
            )
        return found

    def source(self, digest: str, where: str) -> Source:
        """The source whose store path carries ``digest``.

        Raises:
            UnknownPlaceholder: this evaluation never declared it.
        """
        found = self.sources.get(digest)
        if found is None:
            raise UnknownPlaceholder(
                f"{where}: the store path {digest[:10]}… is not declared in this evaluation",
                hint='declare it: hm.store_path("/hermetica/store/hx…-name")',
            )
        return found


_SHARED = Evaluation()
_current: ContextVar[Evaluation] = ContextVar("hermetica_evaluation", default=_SHARED)


def current_evaluation() -> Evaluation:
    """The scope in force."""
    return _current.get()


@contextmanager
def evaluation() -> Generator[Evaluation]:
    """A fresh scope: what is evaluated inside is forgotten at its end.

    A placeholder means something only where it was made. Programs that go on for long open a scope for each piece of
    work; without one, what is evaluated is known to the process until it ends.
    """
    with within(Evaluation()) as scope:
        yield scope


@contextmanager
def within(scope: Evaluation) -> Generator[Evaluation]:
    """A scope that there is already, once more in force."""
    reset = _current.set(scope)
    try:
        yield scope
    finally:
        _current.reset(reset)
