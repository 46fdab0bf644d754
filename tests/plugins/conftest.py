"""Distributions, laid out as an installer lays them out, and the real command line that finds them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

from tests.cli.conftest import hermetica  # noqa: F401 -- a fixture  # pyright: ignore[reportUnusedImport]

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import CommandLine


class Install(Protocol):
    """Installs a distribution that has one module, and entry points to it."""

    def __call__(self, module: str, text: str, *entries: str, distribution: str = "", version: str = "1.2") -> Path: ...


def lay_out(site: Path, module: str, text: str, *entries: str, distribution: str = "", version: str = "1.2") -> Path:
    """A distribution in ``site``: each of ``entries`` is ``GROUP NAME = VALUE``."""
    distribution = distribution or module.replace("_", "-")
    (site / f"{module}.py").write_text(text, encoding="utf-8")
    metadata = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
    lines = [f"[hermetica.{entry.partition(' ')[0]}]\n{entry.partition(' ')[2]}\n" for entry in entries]
    (metadata / "entry_points.txt").write_text("[console_scripts]\nother = a:b\n\n" + "\n".join(lines))
    return site


@pytest.fixture
def site(tmp_path: Path) -> Path:
    place = tmp_path / "site"
    place.mkdir()
    return place


@pytest.fixture
def install(site: Path, hermetica: CommandLine) -> Install:  # noqa: F811 -- as pytest has it
    """Installs into a directory that the command imports from."""
    hermetica.environment["PYTHONPATH"] = str(site)

    def add(module: str, text: str, *entries: str, distribution: str = "", version: str = "1.2") -> Path:
        return lay_out(site, module, text, *entries, distribution=distribution, version=version)

    return add
