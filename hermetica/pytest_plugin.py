"""A plug-in of pytest: tests get at what derivations make.

``hermetica_output("./pkgs.py:zlib")`` realizes a target of the project (or a derivation that a test makes) and gives
the place of its output on disk, which stays there for the session. A build that fails fails the test, with the
build's own words. The store is that of the user, or ``hermetica_store`` of pytest's settings, relative to its root.

Every run of pytest loads this module, so it imports nothing until a test asks. Source: pytest's guide to plug-ins.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hermetica.model import Derivation
    from hermetica.realize import Store
    from hermetica_store import Lease

__all__ = ["HermeticaOutput", "hermetica_output", "hermetica_store", "pytest_addoption"]


class HermeticaOutput(Protocol):
    """Realizes a target of the project, or a derivation, and gives the place of an output on disk."""

    def __call__(self, wanted: str | Derivation, output: str = "", /) -> Path:
        """The output named, else the first of those that the target names."""
        ...


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declares the setting."""
    parser.addini("hermetica_store", "root of the store that hermetica_output realizes into", default="")


@pytest.fixture(scope="session")
def hermetica_store(pytestconfig: pytest.Config) -> Iterator[Store]:
    """The store that outputs are realized into."""
    from hermetica.realize import Store  # noqa: PLC0415 -- most runs of pytest need none of it

    place: str = pytestconfig.getini("hermetica_store")
    with Store.open(pytestconfig.rootpath / place if place else None) as store:
        yield store


@pytest.fixture(scope="session")
def _hermetica_lease(hermetica_store: Store) -> Iterator[Lease]:
    """What was realized stays for the session."""
    with hermetica_store.objects.lease() as lease:
        yield lease


@pytest.fixture
def hermetica_output(pytestconfig: pytest.Config, hermetica_store: Store, _hermetica_lease: Lease) -> HermeticaOutput:
    """Realizes a target of the project, or a derivation, and gives the place of an output on disk."""

    def realize(wanted: str | Derivation, output: str = "", /) -> Path:
        from hermetica.errors import HermeticaError  # noqa: PLC0415 -- most runs of pytest need none of it

        try:
            derivation, outputs = _find(wanted, pytestconfig.rootpath) if isinstance(wanted, str) else (wanted, ())
            name = output or (outputs or derivation.outputs)[0]
            derivation.placeholder(name)
            result = hermetica_store.realize(derivation, lease=_hermetica_lease)
        except HermeticaError as error:
            pytest.fail(_told(error), pytrace=False)
        return hermetica_store.on_disk(result[name])

    return realize


def _find(target: str, root: Path) -> tuple[Derivation, tuple[str, ...]]:
    """What a target names, seen from the root of the tests."""
    from hermetica.cli.targets import Targets, anchored  # noqa: PLC0415 -- most runs of pytest need none of it

    selected = Targets().one(anchored(target, os.fspath(root)))
    return selected.derivation, selected.outputs


def _told(error: Exception) -> str:
    from hermetica.cli.console import Paint  # noqa: PLC0415 -- only where something went wrong
    from hermetica.cli.report import block  # noqa: PLC0415 -- only where something went wrong
    from hermetica.errors import HermeticaError  # noqa: PLC0415 -- only where something went wrong

    return "\n".join(block(error, Paint(enabled=False))) if isinstance(error, HermeticaError) else str(error)
