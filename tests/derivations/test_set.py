"""The package set as values: what an inventory and a user find in it. No network, no sandbox."""

from __future__ import annotations

import inspect
import re

import pytest

import hermetica as hm
from hermetica_derivations import packages, pins
from hermetica_derivations.packages import checks
from hermetica_derivations.packages.recipe import upstream_version

SET = {name: value for name in packages.__all__ if isinstance(value := getattr(packages, name), hm.Derivation)}
LICENCE = re.compile(r"[A-Za-z0-9.+-]+(?: WITH [A-Za-z0-9.-]+)?(?: (?:AND|OR) [A-Za-z0-9.+-]+)*")


@pytest.mark.parametrize("name", SET)
def test_a_package_says_what_an_inventory_wants_to_know(name: str) -> None:
    meta = SET[name].meta
    assert meta.description
    assert not meta.description.endswith(".")
    assert LICENCE.fullmatch(meta.licence)
    assert meta.supplier
    version = SET[name].name.removeprefix(f"{name.replace('_', '-')}-")
    assert re.fullmatch(rf"pkg:[a-z]+/.*@{re.escape(version)}(\?.*)?", meta.purl)
    assert name == "zpipe" or meta.homepage.startswith("http")


@pytest.mark.parametrize("name", SET)
def test_a_package_is_a_function_of_what_it_is_made_from(name: str) -> None:
    make = getattr(packages, f"make_{name}")
    wanted = [each for each in inspect.signature(make).parameters.values() if each.kind is not each.VAR_KEYWORD]
    inputs = {each.name: SET[each.name] for each in wanted}
    assert make(**inputs).id == SET[name].id
    assert make(**inputs, before_install="echo").id != SET[name].id


def test_the_set_has_what_it_is_to_have() -> None:
    needed = "hello zlib zstd lz4 lua ninja musl busybox redis jq json_c pixman pcre2 m4 make patchelf libpng gmp mpfr"
    assert set(needed.split()) <= SET.keys()
    assert len(SET) == len({each.id for each in SET.values()})


def test_every_package_is_run_with_its_closure_alone() -> None:
    assert checks.runs.keys() == SET.keys()
    assert checks.COMMANDS.keys() <= SET.keys()


@pytest.mark.parametrize(
    ("debian", "upstream"),
    [
        ("2.10-3", "2.10"),
        ("1:1.2.13.dfsg-1", "1.2.13"),
        ("2:6.2.1+dfsg1-1.1", "6.2.1"),
        ("5:7.0.15-1~deb12u7", "7.0.15"),
        ("2.1.12-stable-8", "2.1.12-stable"),
        ("3.1-20221030-2", "3.1-20221030"),
        ("1.0", "1.0"),
    ],
)
def test_versions_are_upstreams(debian: str, upstream: str) -> None:
    assert upstream_version(debian) == upstream


def test_versions_of_all_pins_are_without_what_debian_adds() -> None:
    for pin in pins.lock().group("sources").pins:
        assert not re.search("dfsg|deb12|:", upstream_version(pin.version))
