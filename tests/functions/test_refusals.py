"""What cannot be a builder, and what cannot travel: refused before anything is built, with a line and a way out."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pytest

import hermetica as hm
from hermetica.errors import EvaluationError, HermeticaError
from hermetica.functions import SourceUnavailable
from hermetica.model import NotInside
from tests.functions.conftest import HEAD

if TYPE_CHECKING:
    from pathlib import Path

    from tests.functions.conftest import Write

BUILDER = "@hm.builder(python=python{more})\ndef report(out: hm.Out) -> None:\n    {body}\nreport()\n"


def using(body: str, before: str = "", more: str = "") -> str:
    """A module whose builder has this body; ``#!`` marks the line that the error must name."""
    return f"{before}\n{BUILDER.format(body=body, more=more)}"


CASES = [
    # kinds of functions
    ("HM250", "report = hm.builder(python=python)(lambda out: None)  #!", "is a lambda", "write a def"),
    ("HM250", "@hm.builder(python=python)  #!\nasync def report(out: hm.Out): ...", "does nothing", "plain def"),
    ("HM250", "@hm.builder(python=python)  #!\ndef report(out: hm.Out): yield", "does nothing", "plain def"),
    (
        "HM250",
        "def make(size):\n    @hm.builder(python=python)  #!\n    def report(out: hm.Out): size\nmake(1)",
        "a closure over size",
        "pass what it needs as an argument",
    ),
    (
        "HM250",
        "class Set:\n    @hm.builder(python=python)  #!\n    def report(self, out: hm.Out): ...",
        "is a method",
        "outside of the class",
    ),
    ("HM250", "@hm.builder(python=python)\ndef report(): ...  #!", "has no output", "report(out: hm.Out"),
    ("HM250", "hm.builder(python=python)(print)  #!", "no plain function", "directly above a def"),
    (
        "HM250",
        "import functools\n@hm.builder(python=python)  #!\n@functools.cache\ndef report(out: hm.Out): ...",
        "no plain function",
        "directly above a def",
    ),
    ("HM250", "hm.builder(python=3)  #!", "does not say which interpreter", "bin/python3"),
    # state
    ("HM252", using("state  #!", "state = []"), "captures state", "make it a tuple"),
    ("HM252", using("state  #!", "state = {}"), "captures state", "MappingProxyType"),
    ("HM252", using("state  #!", "state = (1, {2})"), "captures state", "frozenset"),
    ("HM252", using("state  #!", "state = open"), "captures state", "in the builder's own text"),
    ("HM252", using("sqrt(2)  #!", "from math import *"), "captures sqrt", "by name, not with a star"),
    ("HM252", using("python.path  #!"), "captures python", "pass it as an argument"),
    ("HM252", using("key(1)  #!", "key = lambda row: row"), "captures key", "write a def"),
    ("HM252", using("global state  #!\n    state = 1", "state = 1"), "captures state", "return the value"),
    ("HM252", using("__file__  #!"), "captures __file__", "as an argument"),
    (
        "HM252",
        using("other()  #!", "@hm.builder(python=python)\ndef other(out: hm.Out): ..."),
        "captures other",
        "give it the derivation",
    ),
    (
        "HM252",
        using("Row  #!", "class Row: ...\nclass Row: ..."),
        "captures Row",
        "a name of its own",
    ),
    ("HM252", using("slug()", "rows = []\ndef slug(): return rows  #!"), "slug() captures rows", "make it a tuple"),
    # modules
    ("HM253", using("import numpy  #!"), "imports numpy", 'packages={"numpy": …}'),
    ("HM253", using("from numpy.linalg import norm  #!"), "imports numpy.linalg", 'packages={"numpy": …}'),
    ("HM253", using("attrs.frozen  #!", "import attrs"), "imports attrs", 'packages={"attrs": …}'),
    ("HM253", using("conftest.X  #!", "from tests.functions import conftest"), "imports tests", "into this file"),
    ("HM253", using("from . import slug  #!"), "imports .", "into this file"),
    ("HM253", using("hm.text('a', '')  #!"), "imports hermetica", "pass what you need as an argument"),
    ("HM253", using("import attrs  #!", more=", packages={'attr': python}"), "imports attrs", "packages"),
    # the rest
    ("HM257", using("slugg()  #!"), "uses slugg", "define slugg"),
]


@pytest.mark.parametrize(
    ("code", "text", "message", "way"), CASES, ids=[f"{number}: {case[2]}" for number, case in enumerate(CASES)]
)
def test_what_cannot_run_inside_is_refused(module: Write, code: str, text: str, message: str, way: str) -> None:
    line = 1 + next(number for number, line in enumerate((HEAD + text).splitlines()) if "#!" in line)
    with pytest.raises(HermeticaError) as caught:
        module(text)
    error = caught.value
    assert error.code == code, error
    assert message in error.message
    assert way in (error.hint or "")
    assert (error.origin or "").endswith(f"/pkgs.py:{line}"), error.origin
    assert isinstance(error, EvaluationError)


def test_an_argument_that_cannot_travel_is_refused_at_the_call(module: Write) -> None:
    text = """
    @hm.builder(python=python)
    def report(out: hm.Out, rows: object, *more: object) -> None: ...
    """
    report = module(text).report
    for arguments, where in (({"rows": [1, print]}, "rows[1]"), ({"rows": __import__("pathlib").Path("/")}, "rows")):
        with pytest.raises(hm.EvaluationError, match=r"cannot travel") as caught:
            report(**arguments)
        assert caught.value.code == "HM254"
        assert f"report(): {where} is a " in caught.value.message
        assert (caught.value.origin or "").startswith(f"{__file__}:")
    with pytest.raises(hm.EvaluationError, match=r"argument 3 is an object"):
        report(1, 2, object())


def test_a_wrong_keyword_is_an_error_that_names_the_function(module: Write) -> None:
    report = module("@hm.builder(python=python)\ndef report(out: hm.Out, *, title: str) -> None: ...\n").report
    with pytest.raises(TypeError, match=r"^report\(\): .*titel"):
        report(title="Q3", titel="Q3")


def test_packages_that_are_given_may_be_imported(module: Write) -> None:
    text = using("import attrs, numpy.linalg", more=", packages={'attrs': python, 'numpy': python}")
    page = module(text).report()
    assert page.structured["function"]["packages"] == ["/hermetica/store/hx111111111111111111111111111111-python"]


def test_a_function_without_a_file_is_refused() -> None:
    names = {"hm": hm}
    text = f"{HEAD}\n@hm.builder(python=python)\ndef report(out: hm.Out) -> None: ...\n"
    with pytest.raises(SourceUnavailable) as caught:
        exec(compile(text, "<typed>", "exec"), names)  # noqa: S102 -- as a notebook does
    assert caught.value.origin == f"<typed>:{len(HEAD.splitlines()) + 2}"


def test_a_file_that_changed_since_it_was_imported_is_noticed(tmp_path: Path, module: Write) -> None:
    loaded = module("def report(out: hm.Out) -> None:\n    pass\n")
    (tmp_path / "project-0/pkgs.py").write_text(textwrap.dedent("x = 1\n" * 9))
    with pytest.raises(SourceUnavailable, match=r"cannot be read"):
        hm.builder(python=loaded.python)(loaded.report)


def test_a_derivation_has_no_path_while_derivations_are_made() -> None:
    page = hm.text("page", "")
    with pytest.raises(NotInside, match=r"no path before it is realized") as caught:
        page.path  # noqa: B018 -- the mistake
    assert (caught.value.origin or "").startswith(f"{__file__}:")
    assert not hasattr(page, "path")
