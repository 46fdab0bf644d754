"""Overriding: other fields, other arguments, through overlays and other names."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hermetica as hm
from tests.packages.sample import Base, Patched, drv, inputs

if TYPE_CHECKING:
    from collections.abc import Callable


def test_override_gives_the_function_other_arguments_through_overlays() -> None:
    pkgs = Patched()
    static = pkgs.zlib.override(shared=False)
    assert static.env == {"shared": "False", "CFLAGS": "-O3"}
    assert pkgs.zlib.env["shared"] == "True"
    assert inputs(pkgs.app) == [pkgs.zlib]
    other = drv("other-cc")
    assert inputs(static.override(cc=other)) == [other]
    assert static.override(cc=other).env == static.env


def test_override_and_override_attrs_go_together_in_any_order() -> None:
    pkgs = Base()
    renamed: hm.Fields = {"name": "zlib-static"}
    one = pkgs.zlib.override_attrs(renamed).override(shared=False)
    other = pkgs.zlib.override(shared=False).override_attrs(renamed)
    assert one == other
    assert (one.name, one.env["shared"]) == ("zlib-static", "False")
    assert one.override(shared=True) == pkgs.zlib.override_attrs(renamed)


def test_what_super_gives_can_be_overridden_in_an_overlay() -> None:
    class Static(Base):
        @hm.package
        def zlib(self, *, level: int = 1) -> hm.Derivation:
            return super().zlib.override(shared=False).override_attrs(lambda d: {"env": {**d.env, "L": str(level)}})

    class Renamed(Static):
        @hm.package
        def zlib(self) -> hm.Derivation:
            return super().zlib.override_attrs({"name": "z"})

    pkgs = Renamed()
    assert (pkgs.zlib.name, dict(pkgs.zlib.env)) == ("z", {"shared": "False", "L": "1"})
    assert (pkgs.zlib.override(level=3).name, dict(pkgs.zlib.override(level=3).env)) == (
        "z",
        {"shared": "False", "L": "3"},
    )
    other = drv("other")
    assert inputs(pkgs.zlib.override(cc=other, level=2)) == [other]


def test_another_name_of_a_package_overrides_what_it_names() -> None:
    class Alias(Base):
        @hm.package
        def libz(self, *, zlib: hm.Derivation) -> hm.Derivation:
            return zlib

        libz_ng = libz

    pkgs = Alias()
    assert pkgs.libz == pkgs.libz_ng == pkgs.zlib
    assert pkgs.libz.override(shared=False) == pkgs.zlib.override(shared=False)
    assert pkgs.libz.override(zlib=pkgs.cc) == pkgs.cc
    assert pkgs.libz.override(shared=False).override(cc=pkgs.busybox) == pkgs.zlib.override(
        shared=False, cc=pkgs.busybox
    )
    assert pkgs.zlib.override(shared=False).env == {"shared": "False"}


def test_an_unknown_argument_is_named_with_the_line_that_gave_it() -> None:
    with pytest.raises(hm.EvaluationError, match="zlib takes no argument 'sharde'") as caught:
        Patched().zlib.override(sharde=False)
    assert caught.value.code == "HM233"
    assert caught.value.details == (("arguments", "cc, shared"),)
    assert caught.value.hint == "did you mean shared?"
    assert caught.value.origin == f"{__file__}:{caught.tb.tb_lineno}"


def test_what_no_set_made_has_no_arguments_to_override() -> None:
    with pytest.raises(hm.EvaluationError, match="made by no package function") as caught:
        drv("plain").override(shared=False)
    assert caught.value.code == "HM230"
    pkgs = Base()
    thawed: hm.Derivation = pickle.loads(pickle.dumps(pkgs.zlib))  # noqa: S301 -- our own
    assert thawed == pkgs.zlib
    assert pkgs.zlib.is_overridable
    assert not thawed.is_overridable


def test_override_attrs_takes_fields_as_derivation_does() -> None:
    cc = drv("cc")
    tools = drv("tools")
    changed = cc.override_attrs(
        {"rootfs": tools, "checks": hm.OutputChecks(max_size_bytes=1), "outputs": ["out", "dev"]}
    )
    assert changed.rootfs == str(tools)
    assert set(changed.checks) == {"out", "dev"}
    wrong: Any = {"envv": {}}
    with pytest.raises(hm.EvaluationError, match="no field 'envv'"):
        cc.override_attrs(wrong)


ARGUMENTS = st.dictionaries(st.sampled_from(["shared", "cc"]), st.booleans())
CHANGES = st.lists(st.tuples(st.sampled_from("ABC"), st.sampled_from("123")), max_size=3)


@given(first=ARGUMENTS, second=ARGUMENTS, changes=CHANGES)
def test_overriding_twice_is_overriding_once_with_the_later_arguments(
    first: dict[str, bool], second: dict[str, bool], changes: list[tuple[str, str]]
) -> None:
    pkgs = Patched()

    def arguments(given: dict[str, bool]) -> dict[str, object]:
        compilers = {True: pkgs.cc, False: pkgs.busybox}
        return {name: compilers[value] if name == "cc" else value for name, value in given.items()}

    def with_variable(name: str, value: str) -> Callable[[hm.Derivation], hm.Fields]:
        return lambda d: {"env": {**d.env, name: value}}

    changed = pkgs.zlib
    for name, value in changes:
        changed = changed.override_attrs(with_variable(name, value))
    twice = changed.override(**arguments(first)).override(**arguments(second))
    assert twice == changed.override(**arguments({**first, **second}))
    assert twice.env == {**changed.env, "shared": str({**first, **second}.get("shared", True))}
    assert changed.override() == changed
