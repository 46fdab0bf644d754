"""Targets that reach into package sets, through the real command."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

from hermetica.cli.targets import Targets
from hermetica.model import evaluation

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine

SETS = """
class Base(hm.PackageSet):
    extra = sh("extra", "true")

    @hm.package
    def zlib(self, *, shared=True):
        return sh("zlib", "echo zlib > $out; echo dev > $dev", outputs=("out", "dev"))

    @hm.package
    def app(self, *, zlib):
        return sh("app", f"cat {zlib} > $out")

    @hm.package
    def _private(self):
        return sh("private", "true")

    @hm.matrix(python=["3.11", "3.12"], debug=[0, 1])
    def wheel(self, *, python, debug):
        return sh(f"wheel-{python}", f"echo {python} {debug} > $out")

    @hm.package
    def py(self):
        return Python()

    @hm.package
    def flags(self):
        return "-O2"


class Python(hm.PackageSet):
    @hm.package
    def lxml(self):
        return sh("lxml", "true")


pkgs = Base()
"""


def names(ended: str) -> list[str]:
    return [row["target"].removeprefix("./pkgs.py:") for row in json.loads(ended)["targets"]]


WHEELS = [f"pkgs.wheel[python={python},debug={debug}]" for python in ("3.11", "3.12") for debug in (0, 1)]


def test_a_module_alone_is_everything_public_of_its_sets(hermetica: CommandLine) -> None:
    hermetica.module(SETS)
    found = names(hermetica("ls", "--json", "./pkgs.py").stdout)
    assert found == ["pkgs.zlib", "pkgs.app", *WHEELS, "pkgs.py.lxml", "pkgs.extra"]


def test_names_patterns_and_variants_lead_into_sets(hermetica: CommandLine) -> None:
    place = hermetica.module(SETS)
    with evaluation():
        targets = Targets()
        for target, expected in {
            "pkgs.zlib": ["pkgs.zlib"],
            "pkgs": ["pkgs.zlib", "pkgs.app", *WHEELS, "pkgs.py.lxml", "pkgs.extra"],
            "pkgs.?lib": ["pkgs.zlib"],
            "pkgs.[xyz]lib": ["pkgs.zlib"],
            "*.app": ["pkgs.app"],
            "pkgs._private": ["pkgs._private"],
            "pkgs.py.*": ["pkgs.py.lxml"],
            "pkgs.wheel": WHEELS,
            "pkgs.wheel[python=3.12,debug=0]": [WHEELS[2]],
            "pkgs.wheel[debug=0,python=3.12]": [WHEELS[2]],
            "pkgs.wheel[python=3.12]": WHEELS[2:],
            "pkgs.w*[debug=1]": [WHEELS[1], WHEELS[3]],
            "pkgs.wheel[python=*.11]": WHEELS[:2],
        }.items():
            found = [each.name for each in targets.derivations([f"{place}:{target}"])]
            assert found == [f"{place}:{name}" for name in expected], target


def test_one_package_is_made_without_the_others(hermetica: CommandLine) -> None:
    broken = "    @hm.package\n    def broken(self):\n        return 1 // 0\n\n"
    hermetica.module(SETS.replace("    @hm.package\n    def app", f"{broken}    @hm.package\n    def app"))
    assert hermetica("build", "--no-link", "./pkgs.py:pkgs.app").stdout.rstrip().endswith("-app")
    assert "zlib is reused as hx" in hermetica("explain", "./pkgs.py:pkgs.zlib").stdout
    told = hermetica("ls", "./pkgs.py", status=3).stderr
    assert "error[HM220] ./pkgs.py cannot be evaluated" in told
    assert "ZeroDivisionError" in told
    assert "return 1 // 0" in told


def test_packages_of_a_set_are_built_and_shown(hermetica: CommandLine) -> None:
    hermetica.module(SETS)
    ended = hermetica("build", "--json", "./pkgs.py:pkgs.app", "./pkgs.py:pkgs.wheel[python=3.12]")
    rows = json.loads(ended.stdout)["results"]
    assert [row["target"] for row in rows] == ["./pkgs.py:pkgs.app", *(f"./pkgs.py:{name}" for name in WHEELS[2:])]
    assert len(hermetica("build", "--no-link", "./pkgs.py:pkgs.zlib").stdout.splitlines()) == 2
    assert hermetica("build", "--no-link", "./pkgs.py:pkgs.zlib^dev").stdout.rstrip().endswith("-zlib-dev")
    assert "wheel-3.11" in hermetica("show", "./pkgs.py:pkgs.wheel[python=3.11,debug=1]").stdout


def test_a_typo_gets_close_names_and_makes_nothing(hermetica: CommandLine) -> None:
    hermetica.module(SETS.replace("return Python()", "raise AssertionError"))
    assert hermetica("build", "./pkgs.py:pkgs.extar", status=2).stderr.splitlines() == [
        "error[HM221] ./pkgs.py has no 'pkgs.extar'",
        "  fix  did you mean pkgs.extra?",
    ]
    told = hermetica("build", "./pkgs.py:pkgs.wheel[python=3.13,debug=0]", status=2).stderr
    assert "did you mean pkgs.wheel[python=3.1" in told


def test_what_is_no_target_in_a_set_is_named(hermetica: CommandLine) -> None:
    hermetica.module(SETS)
    assert hermetica("build", "./pkgs.py:pkgs.flags", status=2).stderr.splitlines() == [
        "error[HM222] ./pkgs.py:pkgs.flags is a str, not a derivation"
    ]
    assert hermetica("build", "./pkgs.py:Base", status=2).stderr.splitlines() == [
        "error[HM222] ./pkgs.py:Base is a class, not a derivation",
        "  fix  a target is a set, not its class: pkgs = Base()",
    ]
    hermetica.module(SETS.replace("pkgs = Base()", "del sh"), name="classes.py")
    assert "a target is a set, not its class: pkgs = Python()" in hermetica("ls", "./classes.py", status=2).stderr


def test_errors_of_sets_name_the_users_lines(hermetica: CommandLine) -> None:
    hermetica.module(SETS, "wrong = pkgs.zlib.override(sharde=False)")
    told = hermetica("ls", "./pkgs.py", status=3).stderr.splitlines()
    assert told[0] == "error[HM233] zlib takes no argument 'sharde'"
    lines = hermetica.module(SETS, "wrong = pkgs.zlib.override(sharde=False)").read_text().splitlines()
    line = lines.index("wrong = pkgs.zlib.override(sharde=False)") + 1
    assert told[1] == f"  --> pkgs.py:{line}"
    assert "  fix        did you mean shared?" in told
    circle = "\n    @hm.package\n    def zlib(self, *, app):\n        return app\n"
    hermetica.module(SETS, f"class Circle(Base):{circle}\npkgs = Circle()")
    text = hermetica("build", "./pkgs.py:pkgs.app", status=3).stderr
    assert "error[HM234] Base.app needs itself: Base.app -> Circle.zlib -> Base.app" in text


def test_names_are_listed_without_evaluating_a_package(hermetica: CommandLine) -> None:
    hermetica.module(SETS.replace("return Python()", "raise AssertionError"))
    found = json.loads(hermetica("ls", "--names", "--json", "./pkgs.py:anything").stdout)["names"]
    names = ["pkgs", "pkgs.zlib", "pkgs.app", "pkgs.wheel", *WHEELS, "pkgs.py", "pkgs.flags", "pkgs.extra"]
    assert sorted(found) == sorted(f"./pkgs.py:{name}" for name in names)
    assert not hermetica.store_root.exists()


def test_a_shell_completes_names_of_packages_and_variants(hermetica: CommandLine) -> None:
    hermetica.module(SETS)
    script = hermetica("completion", "bash").stdout
    command = " ".join(hermetica.words)

    def complete(typed: str, breaks: str) -> list[str]:
        program = (
            f'{script}\nhermetica() {{ {command} "$@"; }}\nCOMP_WORDBREAKS={breaks!r}\nCOMP_LINE={typed!r}\n'
            "COMP_POINT=${#COMP_LINE}; COMP_WORDS=($COMP_LINE); COMP_CWORD=2; _hermetica\n"
            'printf "%s\\n" "${COMPREPLY[@]}"'
        )
        ended = subprocess.run(
            ["bash", "-c", program],
            cwd=hermetica.directory,
            env=hermetica.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return ended.stdout.split()

    assert complete("hermetica build ./pkgs.py:pkgs.z", " =:") == ["pkgs.zlib"]
    assert complete("hermetica build ./pkgs.py:pkgs.z", " ") == ["./pkgs.py:pkgs.zlib"]
    assert complete("hermetica build ./pkgs.py:pkgs.wheel[python=3.12", " =:") == WHEELS[2:]


CHECKS = """
class Checked(hm.PackageSet):
    @hm.package
    def zlib(self):
        return sh("zlib", "echo zlib > $out")

    @hm.package
    def broken(self):
        raise AssertionError

    @hm.check
    def holds(self, *, zlib):
        return sh("holds", f"grep -q zlib {zlib} && touch $out")

    @hm.matrix(word=["zlib", "png"])
    @hm.check
    def says(self, *, zlib, word):
        return sh(f"says-{word}", f"grep -q {word} {zlib} && touch $out")


pkgs = Checked()
"""


def test_checks_are_realized_whichever_fail(hermetica: CommandLine) -> None:
    hermetica.module(CHECKS)
    ended = hermetica("check", status=100)
    assert ended.stdout.splitlines() == [
        "holds               ./pkgs.py:pkgs.holds",
        "holds               ./pkgs.py:pkgs.says[word=zlib]",
        "failed              ./pkgs.py:pkgs.says[word=png]",
    ]
    ended = hermetica("check", "--json", "./pkgs.py:pkgs.holds", "./pkgs.py:*.says[word=z*]")
    assert [row["check"] for row in json.loads(ended.stdout)["checks"]] == [
        "./pkgs.py:pkgs.holds",
        "./pkgs.py:pkgs.says[word=zlib]",
    ]
    told = hermetica("check", "./pkgs.py:pkgs.zlib", status=2).stderr
    assert "error[HM221] ./pkgs.py:pkgs.zlib names no check" in told
    assert "is it reproducible? hermetica check --explain ./pkgs.py:pkgs.zlib" in told


def test_dependants_in_a_set_are_counted_and_broken_ones_hinder_nothing(hermetica: CommandLine) -> None:
    hermetica.module(CHECKS)
    found = json.loads(hermetica("explain", "--json", "./pkgs.py:pkgs.zlib").stdout)["explained"]
    assert found[0]["dependants"] == 3
