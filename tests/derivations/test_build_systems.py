"""Build systems as values: by name, or of one's own."""

from __future__ import annotations

import pytest

from hermetica_derivations.build_systems import BuildSystem, UnknownBuildSystem
from hermetica_derivations.stdenv import UnknownSetting, mk_derivation


def test_a_build_system_that_does_not_exist_is_refused_with_the_closest_one() -> None:
    with pytest.raises(UnknownBuildSystem, match="'cmak'") as caught:
        mk_derivation(name="x", build_system="cmak")
    assert caught.value.hint == "did you mean cmake?"
    assert caught.value.details == (("build systems", "autotools, cmake, meson"),)


def test_flags_of_one_build_system_mean_nothing_to_another() -> None:
    cmake = mk_derivation(name="x", build_system="cmake", cmake_flags=["-DX=1"])
    assert cmake.env["cmake_flags"] == '"-DX=1"'
    with pytest.raises(UnknownSetting, match="cmake_flags"):
        mk_derivation(name="x", build_system="meson", cmake_flags=["-DX=1"])


def test_a_build_system_of_ones_own_brings_phases_and_settings() -> None:
    scons = BuildSystem(name="scons", phases="default_build_phase() { run scons; }", words=["scons_flags"])
    drv = mk_derivation(name="x", build_system=scons, scons_flags=["a b"])
    assert drv.env["scons_flags"] == '"a b"'
    assert drv.id != mk_derivation(name="x", env={"scons_flags": '"a b"'}).id
