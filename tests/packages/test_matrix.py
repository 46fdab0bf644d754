"""Matrices: one function, a variant for each combination of values."""

from __future__ import annotations

from typing import Any

import pytest

import hermetica as hm
from hermetica.packages import InvalidMatrix, UnknownVariant


class Base(hm.PackageSet):
    @hm.package
    def cc(self) -> hm.Derivation:
        return hm.derivation(name="cc", builder="/bin/sh")

    @hm.matrix(python=["3.11", "3.12"], debug=[0, 1])
    def wheel(self, *, cc: hm.Derivation, python: str, debug: int, level: int = 0) -> hm.Derivation:
        """A wheel."""
        env = {"debug": str(debug), "level": str(level)}
        return hm.derivation(name=f"wheel-{python}", builder=f"{cc}/bin/cc", env=env)


def test_a_matrix_has_a_variant_for_each_combination_the_last_axis_fastest() -> None:
    wheels = Base().wheel
    assert list(wheels) == [
        "python=3.11,debug=0",
        "python=3.11,debug=1",
        "python=3.12,debug=0",
        "python=3.12,debug=1",
    ]
    assert len(wheels) == 4
    assert "python=3.11,debug=0" in wheels
    assert [each.name for each in wheels.values()] == ["wheel-3.11", "wheel-3.11", "wheel-3.12", "wheel-3.12"]
    assert wheels["python=3.12,debug=1"] is wheels(python="3.12", debug=1)
    assert wheels.matching({"python": "3.1?", "debug": "1"}) == ["python=3.11,debug=1", "python=3.12,debug=1"]
    assert Base.wheel.__doc__ == "A wheel."


def test_variants_are_made_when_asked_for() -> None:
    made: list[str] = []

    class Counting(hm.PackageSet):
        @hm.matrix(size=["s", "m"])
        def shirt(self, *, size: str) -> hm.Derivation:
            made.append(size)
            return hm.derivation(name=size, builder="/bin/sh")

    pkgs = Counting()
    assert pkgs.shirt(size="m") is pkgs.shirt["size=m"]
    assert made == ["m"]


def test_values_are_texts_numbers_truth_or_anything_with_a_label() -> None:
    tool = hm.derivation(name="tool", builder="/bin/sh")

    class Mine(hm.PackageSet):
        @hm.matrix(debug=[False, True], extra=[None, 3], tool={"gnu": tool})
        def app(self, *, debug: bool, extra: int | None, tool: hm.Derivation) -> tuple[bool, int | None, hm.Derivation]:
            return debug, extra, tool

    app = Mine().app
    assert list(app)[:2] == ["debug=0,extra=None,tool=gnu", "debug=0,extra=3,tool=gnu"]
    assert app(debug=True, extra=3) == (True, 3, tool)


def test_variants_are_overridden_like_any_package_and_in_overlays() -> None:
    class Patched(Base):
        @hm.matrix(python=["3.12", "3.13"])
        def wheel(self, *, python: str) -> hm.Derivation:
            below = super().wheel(python="3.12", debug=1)
            return below.override_attrs({"name": f"patched-{python}"})

    pkgs = Patched()
    assert list(pkgs.wheel) == ["python=3.12", "python=3.13"]
    variant = pkgs.wheel(python="3.13").override(level=5)
    assert (variant.name, dict(variant.env)) == ("patched-3.13", {"debug": "1", "level": "5"})
    assert Base().wheel(python="3.11", debug=0).override(debug=1) == Base().wheel(python="3.11", debug=1)
    with pytest.raises(hm.EvaluationError, match="wheel takes no argument 'lvl'"):
        variant.override(lvl=3)
    every = Base.wheel(Base(), level=7)
    assert {each.env["level"] for each in every.values()} == {"7"}
    with pytest.raises(hm.EvaluationError, match="wheel takes no argument 'lvl'"):
        _ = Base.wheel(Base(), lvl=7)["python=3.11,debug=0"]


def test_a_variant_that_is_not_there_is_told_with_the_axes() -> None:
    wheels = Base().wheel
    with pytest.raises(UnknownVariant, match=r"wheel has no variant python=3\.9,debug=0") as caught:
        _ = wheels["python=3.9,debug=0"]
    assert caught.value.details == (("python", "3.11, 3.12"), ("debug", "0, 1"))
    assert caught.value.hint is not None
    with pytest.raises(UnknownVariant, match=r"several variants python=3\.12"):
        wheels(python="3.12")
    with pytest.raises(UnknownVariant, match=r"no variant pyhton=3\.12"):
        wheels(pyhton="3.12")


def test_axes_that_make_no_matrix_are_refused() -> None:
    def app(self: object, *, python: str) -> str:
        return python

    wrong: list[dict[str, Any]] = [
        {},
        {"python": []},
        {"python": "3.12"},
        {"python": 3},
        {"python": ["a", "a"]},
        {"python": [1, True]},
        {"python": ["a b"]},
        {"python": ["a=b"]},
        {"python": [object()]},
        {"pyhton": ["3.12"]},
    ]
    for axes in wrong:
        with pytest.raises(InvalidMatrix) as caught:
            hm.matrix(**axes)(app)
        assert caught.value.origin is not None
        assert caught.value.origin.startswith(f"{__file__}:")
        assert caught.value.details == ((("parameters", "python"),) if "pyhton" in axes else ())


def test_a_check_may_have_a_matrix() -> None:
    class Checked(Base):
        @hm.matrix(python=["3.12"])
        @hm.check
        def imports(self, *, python: str) -> hm.Derivation:
            return hm.derivation(name=f"imports-{python}", builder="/bin/sh")

        @hm.check
        def works(self, *, cc: hm.Derivation) -> hm.Derivation:
            return hm.derivation(name="works", builder=f"{cc}/bin/cc")

    assert Checked.imports.is_check
    assert Checked.works.is_check
    assert not Checked.cc.is_check
    assert [each.name for each in Checked().imports.values()] == ["imports-3.12"]
