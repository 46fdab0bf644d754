"""Evaluates the targets of a command: in this process, or apart from it in a sandbox."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import attrs

from hermetica.cli.members import Unmade
from hermetica.cli.targets import Targets

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from contextlib import AbstractContextManager

    from hermetica.cli.recall.reading import Account, Reading
    from hermetica.cli.targets import Selected
    from hermetica.model import Source


class Evaluator(Protocol):
    """What commands ask of the modules that targets are in. To be used inside one ``evaluation()``."""

    def derivations(self, texts: Iterable[str]) -> list[Selected]:
        """The derivations that targets name, each once."""
        ...

    def one(self, text: str) -> Selected:
        """The one derivation that a target names."""
        ...

    def checks(self, texts: Iterable[str]) -> list[Selected]:
        """The checks of package sets at targets, or below them."""
        ...

    def names(self, texts: Iterable[str]) -> list[str]:
        """Every name at the places of targets that could be one itself."""
        ...

    def beside(self, texts: Iterable[str], unmade: Unmade = Unmade.LEAVE) -> list[Selected]:
        """The derivations of the modules that targets are in."""
        ...

    def source(self, text: str) -> Source:
        """The source of local files that a target names."""
        ...

    def watching(self) -> AbstractContextManager[None]:
        """The time of an evaluation that gives account of what it reads."""
        ...

    def account(self, *, code: bool) -> Account:
        """The account of what was read while it was watched."""
        ...

    def sees(self, texts: Iterable[str]) -> bool:
        """Whether it can evaluate the modules of these targets too."""
        ...

    def close(self) -> None:
        """Nothing more is asked."""
        ...


@attrs.define(eq=False)
class Here(Targets):
    """Evaluates in this process, which sees all that it sees."""

    _reading: Reading | None = attrs.field(init=False, default=None)

    @contextmanager
    def watching(self) -> Generator[None]:
        """The time of an evaluation that gives account of what it reads."""
        from hermetica.cli.recall.reading import Reading  # noqa: PLC0415 -- only of what may be remembered

        self._reading = Reading()
        with self._reading.watching():
            yield
        self._reading.close()

    def account(self, *, code: bool) -> Account:
        """The account of what was read while it was watched."""
        if self._reading is None:
            raise RuntimeError("nothing was watched")
        return self._reading.account(code=code)

    def sees(self, texts: Iterable[str]) -> bool:  # noqa: ARG002 -- all of them
        """Whether it can evaluate the modules of these targets too."""
        return True

    def close(self) -> None:
        """Nothing to be done: the modules stay, as they do in Python."""
