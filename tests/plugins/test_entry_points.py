"""Finding plug-ins: what hermetica reads by hand is what Python's own reader reads."""

from __future__ import annotations

import sys
import zipfile
from importlib.metadata import Distribution, distributions
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermetica.entry_points import (
    COMMANDS,
    FETCHERS,
    GROUPS,
    PluginBroken,
    PluginClash,
    UnknownPlugin,
    find,
    installed,
    require,
)
from tests.plugins.conftest import lay_out

if TYPE_CHECKING:
    from pathlib import Path


def as_python_has_it(path: list[str]) -> set[tuple[str, str, str, str, str]]:
    first: dict[str, Distribution] = {}
    for each in distributions(path=path):
        first.setdefault(each.name.lower().replace("_", "-").replace(".", "-"), each)
    return {
        (entry.group, entry.name, entry.value, each.name, each.version)
        for each in first.values()
        for entry in each.entry_points
        if entry.group in GROUPS
    }


def as_we_have_it(path: list[str]) -> set[tuple[str, str, str, str, str]]:
    return {(each.group, each.name, each.value, each.distribution, each.version) for each in installed(path=path)}


def test_what_is_read_by_hand_is_what_python_reads(site: Path, tmp_path: Path) -> None:
    lay_out(site, "ipfs_plug", "", "fetchers ipfs = ipfs_plug:fetch", "reporters junit=ipfs_plug:Report")
    lay_out(site, "greet_plug", "", "commands  greet =  greet_plug", "# commands no = no", version="2.0.dev1")
    later = tmp_path / "later"
    later.mkdir()
    lay_out(later, "ipfs_plug", "", "fetchers ipfs = ipfs_plug:older", version="0.9")
    path = [str(site), str(later), str(tmp_path / "absent")]
    assert as_we_have_it(path) == as_python_has_it(path)
    assert {each.owner for each in installed(FETCHERS, path)} == {"ipfs-plug 1.2"}


def test_the_environment_of_the_tests_reads_the_same() -> None:
    assert as_we_have_it(sys.path) == as_python_has_it(sys.path)


def test_distributions_in_an_archive_are_found(site: Path, tmp_path: Path) -> None:
    lay_out(site, "greet_plug", "", "commands greet = greet_plug")
    archive = tmp_path / "app.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in site.rglob("*"):
            if path.is_file():
                file.write(path, path.relative_to(site))
    (found,) = installed(COMMANDS, [str(archive)])
    assert (found.name, found.owner) == ("greet", "greet-plug 1.2")


@given(st.text(max_size=200))
def test_no_text_of_entry_points_breaks_the_reading(text: str) -> None:
    import tempfile
    from pathlib import Path as Place

    with tempfile.TemporaryDirectory() as directory:
        metadata = Place(directory, "odd-1.dist-info")
        metadata.mkdir()
        (metadata / "entry_points.txt").write_text("[hermetica.fetchers]\n" + text, encoding="utf-8", errors="replace")
        assert all(each.distribution == "odd" for each in installed(path=[directory]))


def test_a_plugin_of_two_distributions_is_a_clash(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_out(site, "one_plug", "", "fetchers ipfs = one_plug:fetch")
    lay_out(site, "two_plug", "", "fetchers ipfs = two_plug:fetch", version="3")
    monkeypatch.setattr(sys, "path", [str(site), *sys.path])
    with pytest.raises(PluginClash, match="2 distributions offer a fetcher ipfs") as raised:
        find(FETCHERS, "ipfs")
    assert [text for _, text in raised.value.details] == [
        "one-plug 1.2 (one_plug:fetch)",
        "two-plug 3 (two_plug:fetch)",
    ]


def test_a_plugin_that_is_not_there_is_told_with_those_that_are(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_out(site, "one_plug", "", "fetchers ipfs = one_plug:fetch")
    monkeypatch.setattr(sys, "path", [str(site), *sys.path])
    with pytest.raises(UnknownPlugin, match="there is no fetcher 'ipsf'") as raised:
        require(FETCHERS, "ipsf")
    assert raised.value.details == (("fetchers", "ipfs"),)


@pytest.mark.parametrize(
    ("text", "value", "cause"),
    [
        ("import nowhere_at_all", "broken_a:fetch", "ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("fetch = 3", "broken_b:fetch", "broken_b:fetch is int, which cannot be called"),
        ("", "broken_c:fetch", "AttributeError: module 'broken_c' has no attribute 'fetch'"),
        ("raise SystemExit(3)", "broken_d:fetch", "SystemExit: 3"),
        ("", "not_there:fetch", "ModuleNotFoundError: No module named 'not_there'"),
    ],
)
def test_a_plugin_that_does_not_load_is_blamed_by_distribution_and_version(
    site: Path, monkeypatch: pytest.MonkeyPatch, text: str, value: str, cause: str
) -> None:
    lay_out(site, value.partition(":")[0].replace("not_there", "other"), text, f"fetchers ipfs = {value}")
    monkeypatch.setattr(sys, "path", [str(site), *sys.path])
    plugin = require(FETCHERS, "ipfs")
    with pytest.raises(PluginBroken, match=rf"the fetcher ipfs of {plugin.distribution} 1\.2 cannot be used") as raised:
        plugin.load_callable("a function")
    assert dict(raised.value.details)["cause"] == cause
    assert dict(raised.value.details)["declared"] == f"ipfs = {value}, in [hermetica.fetchers]"
