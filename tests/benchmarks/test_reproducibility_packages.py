"""Real packages: their pins, and which pairs of worlds they are built in."""

from __future__ import annotations

import pytest

import hermetica as hm
from benchmarks.reproducibility.case import named
from benchmarks.reproducibility.derived import LOCK
from benchmarks.reproducibility.errors import UnknownCase
from benchmarks.reproducibility.identical import NAIVE, settings
from benchmarks.reproducibility.packages import PACKAGES, derive
from hermetica.sandbox import FACTORS, vary
from hermetica_derivations.toolchain import base_c


def test_there_are_thirty_five_and_thirteen_of_them_are_wheels() -> None:
    assert len({package.name for package in PACKAGES}) == 35
    assert sum(package.is_wheel for package in PACKAGES) == 13


def test_every_package_is_pinned_and_named_with_its_version() -> None:
    with hm.evaluation():
        names = {derive(package, base_c).name for package in PACKAGES}
    assert "lz4-1.9.4-1" in names
    assert len(names) == 35


def test_every_address_is_of_a_mirror() -> None:
    groups = ("build-requirements", "python-headers", "sources", "wheels")
    pins = [pin for group in groups for pin in hm.Lock.read(LOCK).group(group).pins]
    assert {address.partition("://")[0] for pin in pins for address in pin.addresses} == {"mirror"}


def test_a_package_that_there_is_not_is_told_with_those_there_are() -> None:
    with pytest.raises(UnknownCase, match=r"no package is called 'emacs'(?s:.*)bzip2"):
        named(PACKAGES, ["emacs"], kind="package")


def test_the_naive_pair_differs_in_what_it_says_and_the_others_in_nothing() -> None:
    naive, default, fixed = settings()
    differing = {
        name
        for name, factor in FACTORS.items()
        if any(getattr(naive.first, field) != getattr(naive.second, field) for field in factor.fields)
    }
    assert differing == set(NAIVE)
    assert default.first == default.second == naive.first
    assert fixed.first == fixed.second
    assert vary(fixed.first, {name: factor.default for name, factor in FACTORS.items()}) == fixed.first


def test_a_package_is_built_by_hand_and_its_date_is_not_declared() -> None:
    with hm.evaluation():
        derivation = derive(named(PACKAGES, ["hello"], kind="package")[0], base_c)
    assert "unset SOURCE_DATE_EPOCH" in derivation.args[-1]
    assert "SOURCE_DATE_EPOCH" not in derivation.env
