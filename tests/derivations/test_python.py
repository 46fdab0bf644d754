"""Builders of Python as values: what is taken as it is, what is built, and what nobody said how to build."""

from __future__ import annotations

from typing import Any

import pytest

import hermetica as hm
from hermetica.model.graph import closure
from hermetica_derivations.builders.python import (
    Recipe,
    UnbuiltSdist,
    installed,
    installed_pins,
    mk_script,
    mk_virtual_environment,
    mk_wheel,
)

PYTHON = hm.text("python", "")


def pin(kind: str, name: str, file: str) -> hm.Pin:
    facts: dict[str, Any] = {"kind": kind, "name": name, "version": "1.0", "algorithm": "sha256", "hash": "0" * 64}
    return hm.Pin(**facts, addresses=(f"mirror://pypi/{file}",))


WHEEL = pin("wheel", "thing", "thing-1.0-py3-none-any.whl")
SDIST = pin("sdist", "native", "native-1.0.tar.gz")
OTHER = pin("npm", "left-pad", "left-pad-1.0.tgz")


def test_wheels_of_a_group_are_installed_as_they_are_and_what_is_no_python_is_left_alone() -> None:
    packages = installed_pins([WHEEL, OTHER], python=PYTHON)
    assert list(packages) == ["thing"]
    assert packages["thing"].name == "python-thing-1.0"
    assert packages["thing"].meta.purl == "pkg:pypi/thing@1.0"
    assert WHEEL.fetch().id in {each.id for each in closure([packages["thing"]])}


def test_an_sdist_needs_a_recipe_and_the_recipe_its_requirements() -> None:
    with pytest.raises(UnbuiltSdist, match=r"native 1\.0 is pinned as source, and no recipe") as caught:
        installed_pins([SDIST], python=PYTHON)
    assert caught.value.hint is not None
    recipes = {"native": Recipe(requires=("setuptools", "cython"))}
    with pytest.raises(UnbuiltSdist, match="its recipe requires cython"):
        installed_pins([SDIST], recipes=recipes, build_requirements={"setuptools": PYTHON}, python=PYTHON)
    requirements = {"setuptools": PYTHON, "cython": PYTHON}
    built = installed_pins([SDIST], recipes=recipes, build_requirements=requirements, python=PYTHON)["native"]
    assert built.name == "python-native-1.0"


def test_what_is_checked_settings_and_interpreter_are_part_of_a_wheel() -> None:
    plain = mk_wheel(name="w", src=PYTHON, python=PYTHON)
    changed = [
        mk_wheel(name="w", src=PYTHON, python=hm.text("other", "")),
        mk_wheel(name="w", src=PYTHON, python=PYTHON, requires=[hm.text("other", "")]),
        mk_wheel(name="w", src=PYTHON, python=PYTHON, config_settings={"a": "b"}),
        mk_wheel(name="w", src=PYTHON, python=PYTHON, import_check="w"),
    ]
    assert len({each.id for each in (plain, *changed)}) == 5


def test_an_environment_is_made_of_its_packages_and_a_script_of_an_environment() -> None:
    packages = [installed(WHEEL.fetch(), python=PYTHON)]
    environment = mk_virtual_environment("env", packages, python=PYTHON)
    script = mk_script("tool", hm.text("tool.py", "import thing"), packages, python=PYTHON)
    assert packages[0].id in {each.id for each in closure([environment, script])}
    assert mk_virtual_environment("env", [], python=PYTHON).id != environment.id
