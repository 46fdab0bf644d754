"""What the README shows works as it stands there."""

from __future__ import annotations

import re
import runpy
import tomllib
from typing import Any

import pytest

import hermetica as hm
from tests.house.code import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture
def module() -> dict[str, Any]:
    """The names that the README's module of derivations defines."""
    names: dict[str, Any] = {"__name__": "pkgs"}
    with hm.evaluation():
        exec(compile(BLOCKS[0], "README.md", "exec"), names)  # noqa: S102 -- the README's own text
    return names


def inputs(derivation: hm.Derivation) -> set[str]:
    return {source.name for _, source in derivation.inputs.derivations}


def test_the_readmes_module_evaluates_to_a_graph(module: dict[str, Any]) -> None:
    assert inputs(module["shout"]) == {module["words"].name, module["busybox"].name}
    assert inputs(module["words"]) == {module["busybox"].name}
    assert inputs(module["busybox"]) == {module["deb"].name}


def test_the_readmes_commands_are_targets_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    mentioned = set(
        re.findall(
            r"(?:^|`|\$ )make ([a-z]+)", README + (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.MULTILINE
        )
    )
    assert {"demo", "test"} <= mentioned
    assert not [name for name in mentioned if not re.search(rf"^{name}:", makefile, flags=re.MULTILINE)]


def test_the_first_screen_has_the_two_commands_and_a_module() -> None:
    screen = "\n".join(README.splitlines()[:40])
    assert "make demo" in screen
    assert "make test" in screen
    assert BLOCKS[0] in screen


def test_the_pictures_are_drawn_by_their_script_and_tell_of_the_readmes_module(module: dict[str, Any]) -> None:
    images = ROOT / "docs/images"
    drawn = runpy.run_path(str(images / "draw.py"))
    for name, draw in (("identity", "declared"), ("resolved", "resolved"), ("cut-off", "cut_off")):
        assert (images / f"{name}.svg").read_text(encoding="utf-8") == drawn[draw]()
    for name in ("identity", "resolved"):
        assert module["shout"].id.hex[:8] in (images / f"{name}.svg").read_text(encoding="utf-8")


def test_whoever_cites_this_cites_its_version() -> None:
    cited = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert hm.__version__ == declared
    assert re.findall(r"^version: (.+)$", cited, re.MULTILINE) == [declared]
