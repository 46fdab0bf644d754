"""Targets: what they lead to, through the real command."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine

NAMESPACES = """
import attrs
from types import SimpleNamespace

zlib = sh("zlib", "true", outputs=("out", "dev"))
same = zlib
_private = sh("private", "true")
py = SimpleNamespace(wheel=sh("wheel", "true"), sdist=sh("sdist", "true"))
table = {"lua": sh("lua", "true"), "deep": {"er": sh("deeper", "true")}, 3: "no name"}


class tools:
    cc = sh("cc", "true")


@attrs.frozen
class Pair:
    a: object
    b: object


pair = Pair(sh("a", "true"), 4)
number = 5


def later():
    return sh("later", "true")
"""


def names(ended: str) -> list[str]:
    return [row["target"].removeprefix("./pkgs.py:") for row in json.loads(ended)["targets"]]


def test_a_module_alone_is_everything_public_in_it_each_once(hermetica: CommandLine) -> None:
    hermetica.module(NAMESPACES)
    found = names(hermetica("ls", "--json", "./pkgs.py").stdout)
    assert found == ["zlib", "py.wheel", "py.sdist", "table.lua", "table.deep.er", "tools.cc", "pair.a"]


def test_what_a_module_imports_is_public_where_it_says_so(hermetica: CommandLine) -> None:
    hermetica.module("a = sh('a', 'true'); b = sh('b', 'true')", name="base.py")
    hermetica.write(
        "pkgs.py", "from base import a, b\nb = [b]\nif True:\n    from base import sh\nc = sh('c', 'true')\n"
    )
    assert names(hermetica("ls", "--json", "./pkgs.py").stdout) == ["b.0", "c"]
    assert names(hermetica("ls", "--json", "./pkgs.py:a").stdout) == ["a"]
    hermetica.write("facade.py", "from base import a\n")
    assert "public where its __all__ has them" in hermetica("ls", "./facade.py", status=2).stderr
    hermetica.write("facade.py", "from base import a\n__all__ = ['a']\n")
    assert hermetica("ls", "--json", "./facade.py").stdout


def test_what_a_module_makes_when_it_is_used_is_found_by_name_and_by_all(hermetica: CommandLine) -> None:
    hermetica.module("a = sh('a', 'true'); b = sh('b', 'true')", name="base.py")
    hermetica.write(
        "pkgs.py",
        "import base\n__all__ = ['a', 'nowhere']\ndef __getattr__(name):\n    return getattr(base, name)\n",
    )
    assert names(hermetica("ls", "--json", "./pkgs.py").stdout) == ["a"]
    assert names(hermetica("ls", "--json", "./pkgs.py:a").stdout) == ["a"]


def test_names_patterns_and_namespaces_lead_below(hermetica: CommandLine) -> None:
    hermetica.module(NAMESPACES)
    for target, expected in {
        "py.*": ["py.wheel", "py.sdist"],
        "py": ["py.wheel", "py.sdist"],
        "*.lua": ["table.lua"],
        "tools.c?": ["tools.cc"],
        "_private": ["_private"],
        "table.deep.er": ["table.deep.er"],
    }.items():
        assert names(hermetica("ls", "--json", f"./pkgs.py:{target}").stdout) == expected


def test_outputs_are_chosen_after_a_caret(hermetica: CommandLine) -> None:
    hermetica.module(NAMESPACES)
    rows = json.loads(hermetica("ls", "--json", "./pkgs.py:zlib^dev").stdout)["targets"]
    assert list(rows[0]["outputs"]) == ["dev"]
    ended = hermetica("ls", "./pkgs.py:zlib^dve", status=2)
    assert ended.stderr.splitlines() == [
        "error[HM221] zlib has no output 'dve'",
        "  outputs  out, dev",
        "  fix      did you mean dev?",
    ]


def test_a_module_of_a_package_is_found_by_name_and_its_siblings_import(hermetica: CommandLine) -> None:
    hermetica.write("mypkg/__init__.py", "")
    hermetica.module("x = sh('x', 'true')", name="mypkg/base.py")
    hermetica.write("mypkg/pkgs.py", "from mypkg.base import sh, x\ny = sh('y', 'true')\n")
    for target in ("mypkg.pkgs", "./mypkg/pkgs.py", "mypkg/pkgs.py"):
        rows = json.loads(hermetica("ls", "--json", target).stdout)["targets"]
        assert [row["name"] for row in rows] == ["y"]
    assert not list(hermetica.directory.rglob("__pycache__"))


def test_a_file_may_be_called_like_a_module_of_python(hermetica: CommandLine) -> None:
    hermetica.module("x = sh('x', 'true')", name="json.py")
    assert "json.py:x" in hermetica("ls", "./json.py").stdout


def test_a_typo_gets_only_close_names(hermetica: CommandLine) -> None:
    hermetica.module(NAMESPACES)
    assert hermetica("build", "./pkgs.py:zlip", status=2).stderr.splitlines() == [
        "error[HM221] ./pkgs.py has no 'zlip'",
        "  fix  did you mean zlib?",
    ]
    far = hermetica("build", "./pkgs.py:qqqqqq", status=2).stderr
    assert far.splitlines() == [
        "error[HM221] ./pkgs.py has no 'qqqqqq'",
        "  fix  hermetica ls ./pkgs.py lists what it has",
    ]
    assert "did you mean ./pkgs.py?" in hermetica("build", "./pkg.py:zlib", status=2).stderr
    assert "a name in pkgs.py is written ./pkgs.py:same" in hermetica("build", "same", status=2).stderr


def test_what_is_no_derivation_is_named(hermetica: CommandLine) -> None:
    hermetica.module(NAMESPACES)
    assert hermetica("build", "./pkgs.py:number", status=2).stderr.splitlines() == [
        "error[HM222] ./pkgs.py:number is a int, not a derivation"
    ]
    assert "call it" in hermetica("build", "./pkgs.py:later", status=2).stderr
    assert "names 2 derivations" in hermetica("show", "./pkgs.py:py", status=2).stderr


def test_a_module_that_fails_is_blamed_on_the_users_own_lines(hermetica: CommandLine) -> None:
    hermetica.write("pkgs.py", "import base\n\nx = base.half(0)\n")
    hermetica.write("base.py", "def half(n):\n    return 1 / n\n")
    assert hermetica("build", "./pkgs.py:x", status=3).stderr.splitlines() == [
        "error[HM220] pkgs.py cannot be evaluated",
        "  --> base.py:2",
        "  cause  ZeroDivisionError: division by zero",
        "  at     pkgs.py:3, <module>: x = base.half(0)",
        "  at     base.py:2, half: return 1 / n",
    ]


def test_a_syntax_error_and_a_missing_import_say_where(hermetica: CommandLine) -> None:
    hermetica.write("pkgs.py", "x = (\n")
    assert "  --> pkgs.py:1" in hermetica("ls", status=3).stderr.splitlines()
    hermetica.write("pkgs.py", "\nimport nothing_of_the_kind\n")
    lines = hermetica("ls", status=3).stderr.splitlines()
    assert lines[1:3] == ["  --> pkgs.py:2", "  cause  ModuleNotFoundError: No module named 'nothing_of_the_kind'"]
    hermetica.write("pkgs.py", "raise SystemExit(0)\n")
    assert "SystemExit" in hermetica("ls", status=3).stderr


def test_an_error_of_the_model_keeps_its_code_and_line(hermetica: CommandLine) -> None:
    hermetica.write("pkgs.py", "import hermetica as hm\nx = hm.derivation(name='x', builder='/b', env={'a': 1.5})\n")
    lines = hermetica("build", "./pkgs.py:x", status=3).stderr.splitlines()
    assert lines[0].startswith("error[HM201] env.a")
    assert lines[1] == "  --> pkgs.py:2"


def test_an_error_of_the_model_in_a_helper_says_who_called_it(hermetica: CommandLine) -> None:
    hermetica.write(
        "base.py", "import hermetica as hm\ndef sh(e):\n    return hm.derivation(name='x', builder='/b', env=e)\n"
    )
    hermetica.write("pkgs.py", "import base\n\nx = base.sh({'a': 1.5})\n")
    lines = hermetica("build", "./pkgs.py:x", status=3).stderr.splitlines()
    assert lines[1] == "  --> base.py:3"
    assert lines[-2:] == [
        "  at     pkgs.py:3, <module>: x = base.sh({'a': 1.5})",
        "  at     base.py:3, sh: return hm.derivation(name='x', builder='/b', env=e)",
    ]


def test_with_json_an_error_is_a_document_too(hermetica: CommandLine) -> None:
    hermetica.module(NAMESPACES)
    ended = hermetica("build", "--json", "./pkgs.py:zlip", status=2)
    document = json.loads(ended.stdout)
    assert (document["format"], document["code"], document["status"]) == ("hermetica.error/1", "HM221", 2)
    assert document["hint"] == "did you mean zlib?"
    assert ended.stderr.startswith("error[HM221]")
