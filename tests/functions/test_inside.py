"""The program that runs inside, here as the program it is on the interpreter of the tests."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from hermetica.functions import inside

if TYPE_CHECKING:
    from pathlib import Path

    import hermetica as hm
    from tests.functions.conftest import Write


def run(page: hm.Derivation, place: Path, status: int = 0) -> subprocess.CompletedProcess[str]:
    """Runs a builder on the host, its outputs below ``place``."""
    place.mkdir()
    structured: Any = page.structured
    attributes = {"outputs": {output: str(place / output) for output in page.outputs}, **structured}
    (place / "attrs.json").write_text(json.dumps(attributes))
    ended = subprocess.run(
        [sys.executable, *page.args[:-1], inside.__file__],
        env={**page.env, "HERMETICA_ATTRS": str(place / "attrs.json")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == status, ended.stderr
    return ended


def test_classes_constants_patterns_and_several_outputs_are_there(module: Write, tmp_path: Path) -> None:
    text = """
    from dataclasses import dataclass, asdict
    from typing import NamedTuple
    import json, pickle, re
    WORD = re.compile("[a-z]+", re.I)
    @dataclass(frozen=True)
    class Row:
        name: Missing
        count: int = 0
    class Pair(NamedTuple):
        left: int
        right: Missing
    @hm.builder(python=python)
    def split(html: hm.Out, dev: hm.Out, text: str, *rest: tuple, mode: Missing = None, **named: int) -> None:
        rows = [Row(each, len(each)) for each in WORD.findall(text)]
        assert pickle.loads(pickle.dumps(rows)) == rows
        assert Pair(1, 2)._asdict() == {"left": 1, "right": 2}
        html.path.mkdir()
        (html.path / "rows").write_text(json.dumps([asdict(row) for row in rows]))
        dev.path.write_text(repr((rest, mode, named, split.__module__)))
    page = split("a B-c", (1, b"x"), (2, b""), size=3)
    """
    run(module(text).page, tmp_path / "x")
    assert json.loads((tmp_path / "x/html/rows").read_text())[2] == {"name": "c", "count": 1}
    assert (tmp_path / "x/dev").read_text() == "(((1, b'x'), (2, b'')), None, {'size': 3}, 'builder')"


def test_sets_have_one_order_in_every_run(module: Write, tmp_path: Path) -> None:
    text = """
    @hm.builder(python=python)
    def order(out: hm.Out, names: frozenset[str]) -> None:
        out.path.write_text(" ".join(names))
    page = order(frozenset("abcdefghijklmnop"))
    """
    page = module(text).page
    for name in ("first", "second"):
        run(page, tmp_path / name)
    assert (tmp_path / "first/out").read_text() == (tmp_path / "second/out").read_text()


def test_packages_come_before_everything_and_nothing_else_is_importable(module: Write, tmp_path: Path) -> None:
    version = f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    for place, name in ((f"installed/{version}", "here"), ("plain", "there")):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / f"{name}.py").write_text(f"NAME = {name!r}\n")
    text = f"""
    trees = {{"here": {str(tmp_path / "installed")!r}, "there": {str(tmp_path / "plain")!r}}}
    @hm.builder(python=python, packages=trees)
    def check(out: hm.Out) -> None:
        from here import NAME
        import there
        try:
            __import__("attrs")
        except ImportError:
            out.path.write_text(f"{{NAME}} {{there.NAME}}")
    """
    run(module(text).check(), tmp_path / "x")
    assert (tmp_path / "x/out").read_text() == "here there"


def test_a_traceback_shows_the_functions_own_lines_and_none_of_ours(module: Write, tmp_path: Path) -> None:
    text = """
    import json

    def load(text):
        # a comment
        return json.loads(text)
    @hm.builder(python=python)
    def check(out: hm.Out) -> None:

        print("begun")
        load("{")
    """
    ended = run(module(text).check(), tmp_path / "x", status=1)
    assert ended.stdout == "begun\n"
    assert "inside.py" not in ended.stderr
    assert ended.stderr.startswith('Traceback (most recent call last):\n  File "<builder check>", line 4, in check\n')
    assert '  File "<builder load>", line 3, in load\n    return json.loads(text)\n' in ended.stderr
    assert str(tmp_path) not in module(text).check().canonical.decode()


def test_a_builder_may_end_itself(module: Write, tmp_path: Path) -> None:
    text = """
    @hm.builder(python=python)
    def check(out: hm.Out, status: int) -> None:
        raise SystemExit(status)
    """
    check = module(text).check
    assert run(check(7), tmp_path / "x", status=7).stderr == ""
