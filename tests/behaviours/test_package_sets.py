"""Package sets: an overlay reaches all that needs what it changes; what it does not change stays what it was."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import hermetica as hm
from tests.behaviours.conftest import Shell, module, read

if TYPE_CHECKING:
    from tests.behaviours.conftest import CommandLine

pytestmark = pytest.mark.sandbox


class Words(hm.PackageSet):
    def __init__(self, sh: Shell) -> None:
        super().__init__()
        self.sh = sh

    @hm.package
    def greeting(self, *, sh: Shell, whom: str = "world") -> hm.Derivation:
        return sh("greeting", "echo $hail, $whom > $out", {"hail": "hello", "whom": whom})

    @hm.package
    def loud(self, *, sh: Shell, greeting: hm.Derivation) -> hm.Derivation:
        return sh("loud", "tr a-z A-Z < $text > $out", {"text": f"{greeting}"})

    @hm.package
    def apart(self, *, sh: Shell) -> hm.Derivation:
        return sh("apart", "echo apart > $out")


class French(Words):
    @hm.package
    def greeting(self) -> hm.Derivation:
        return super().greeting.override_attrs(lambda d: {"env": {**d.env, "hail": "salut"}})


def test_an_overlay_changes_what_needs_its_package_and_nothing_else(store: hm.Store, sh: Shell) -> None:
    below, pkgs = Words(sh), French(sh)
    assert read(store, store.realize(below.loud).out) == "HELLO, WORLD\n"
    assert read(store, store.realize(pkgs.loud).out) == "SALUT, WORLD\n"
    assert below.apart.id == pkgs.apart.id
    other = pkgs.greeting.override(whom="monde")
    assert read(store, store.realize(other).out) == "salut, monde\n"
    assert read(store, store.realize(pkgs.loud.override(greeting=other)).out) == "SALUT, MONDE\n"


def test_b05_a_set_of_ten_thousand_packages_each_of_which_needs_the_one_before_evaluates(command: CommandLine) -> None:
    text = module(
        "def link(index):",
        "    def package(self):",
        "        below = getattr(self, f'p{index - 1}') if index else busybox",
        "        return hm.derivation(name=f'p{index}', builder='/bin/sh', args=[f'{below}'])",
        "    return hm.package(package)",
        "Chain = type('Chain', (hm.PackageSet,), {f'p{index}': link(index) for index in range(10_000)})",
        "pkgs = Chain()",
    )
    command.write("pkgs.py", text)
    shown = json.loads(command("show", "--json", "./pkgs.py:pkgs.p9999").stdout)
    assert [each["name"] for each in shown["inputs"]] == ["p9998"]


def test_b59_a_typo_in_the_name_of_a_package_suggests_close_names_and_evaluates_none(command: CommandLine) -> None:
    lines = ("class Base(hm.PackageSet):", "    @hm.package", "    def zlib(self):", "        raise SystemExit('made')")
    command.write("pkgs.py", module(*lines, "pkgs = Base()"))
    ended = command("build", "./pkgs.py:pkgs.zlip", status=2)
    assert "did you mean pkgs.zlib?" in ended.stderr
    assert "made" not in ended.stderr


def test_b57_why_one_package_of_a_set_needs_another_is_answered_by_their_names(command: CommandLine) -> None:
    lines = (
        "class Base(hm.PackageSet):",
        "    @hm.package",
        "    def zlib(self):",
        "        return sh('zlib', 'echo zlib > $out')",
        "    @hm.package",
        "    def app(self, *, zlib):",
        "        return sh('app', f'echo {zlib} > $out')",
        "pkgs = Base()",
    )
    command.write("pkgs.py", module(*lines))
    command("build", "--no-link", "./pkgs.py:pkgs.app")
    assert "zlib" in command("why-depends", "./pkgs.py:pkgs.app", "./pkgs.py:pkgs.zlib").stdout
    known = command("query", "rdeps", "./pkgs.py:pkgs.zlib").stdout
    assert "app" in known
