"""The example with types: clean under mypy and pyright, both strict; each mistake is told; an editor knows names."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import hermetica as hm
from tests.examples.language_server import LanguageServer

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLE = Path(__file__).parents[2] / "docs/examples/typed"
KINDS = re.compile(r"# planted: (.+)$")
REVEALED = {
    "pkgs.zlib": "Derivation",
    "pkgs.wheel": "Variants[Derivation]",
    "pkgs.wheel['python=3.13']": "Derivation",
    "pkgs.nested.cc": "Derivation",
    "report(pkgs.zlib)": "Derivation",
    "pkgs.zlib.override(shared=False)": "Derivation",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example in which the mistakes are checked too."""
    place = tmp_path_factory.mktemp("typed") / "project"
    shutil.copytree(EXAMPLE, place)
    settings = place / "pyproject.toml"
    text = settings.read_text()
    settings.write_text("".join(line for line in text.splitlines(keepends=True) if "mistakes" not in line))
    asked = "".join(f"reveal_type({expression})\n" for expression in REVEALED)
    (place / "revealed.py").write_text(f"from pkgs import pkgs, report\n{asked}")
    return place


def planted() -> set[tuple[str, int]]:
    lines = (EXAMPLE / "mistakes.py").read_text().splitlines()
    return {("mistakes.py", number) for number, line in enumerate(lines, start=1) if KINDS.search(line)}


def check(project: Path, checker: str, *options: str) -> str:
    pytest.importorskip(checker, reason=f"{checker} is not installed")
    command = [sys.executable, "-m", checker, *options, "."]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False).stdout


def test_there_are_mistakes_of_every_kind_each_once() -> None:
    kinds = [found[1] for found in map(KINDS.search, (EXAMPLE / "mistakes.py").read_text().splitlines()) if found]
    assert len(kinds) == len(set(kinds)) > 50


def test_the_example_evaluates_and_a_wrong_argument_to_override_is_told_then(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location("typed_pkgs", EXAMPLE / "pkgs.py")
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "typed_pkgs", module)
    spec.loader.exec_module(module)
    assert module.static.env["CFLAGS"] == "-O3"
    assert module.static.env["SHARED"] == "0"
    assert module.static.name == "zlib-1.3-mine"
    assert module.mine.zlib.name == module.static.name
    assert module.inner.env["SHARED"] == "1"
    assert [each.name for each in module.wheels.values()] == ["wheel-3.13"]
    assert module.pkgs.first_zlib.env["CC"] == f"{module.pkgs.busybox}/bin/cc"
    assert module.pkgs.page.structured["function"]["named"] == {"dict": [["title", "zlib"]]}
    with pytest.raises(hm.EvaluationError, match="zlib takes no argument 'sharde'") as raised:
        module.pkgs.zlib.override(sharde=False)
    assert raised.value.hint == "did you mean shared?"


@pytest.mark.slow
def test_mypy_tells_of_each_mistake_and_of_nothing_else(project: Path) -> None:
    cache = str(project.parent / "cache")
    said = check(project, "mypy", "--no-error-summary", "--no-color-output", "--cache-dir", cache)
    told = {(file, int(line)) for file, line in re.findall(r"^([\w./]+):(\d+): error:", said, re.MULTILINE)}
    assert told == planted(), said
    revealed = re.findall(r'^revealed\.py:\d+: note: Revealed type is "(.+)"$', said, re.MULTILINE)
    assert [re.sub(r"\b(?:\w+\.)+", "", text) for text in revealed] == list(REVEALED.values()), said


@pytest.mark.slow
def test_pyright_tells_of_each_mistake_and_of_nothing_else(project: Path) -> None:
    said = check(project, "pyright", "--outputjson", "--pythonpath", sys.executable)
    rows: list[dict[str, Any]] = json.loads(said)["generalDiagnostics"]
    told = {(Path(row["file"]).name, row["range"]["start"]["line"] + 1) for row in rows if row["severity"] == "error"}
    assert told == planted(), said
    notes = [re.findall(r'is "(.+)"$', row["message"]) for row in rows if row["severity"] == "information"]
    assert [text for found in notes for text in found] == list(REVEALED.values()), said


@pytest.fixture(scope="module")
def editor(project: Path) -> Iterator[LanguageServer]:
    """What an editor with pyright asks."""
    pytest.importorskip("pyright", reason="pyright is not installed")
    with LanguageServer(project) as server:
        yield server


@pytest.mark.slow
@pytest.mark.parametrize(
    ("written", "offered"),
    [
        ("from pkgs import pkgs\npkgs.", {"busybox", "cc", "zlib", "wheel", "nested", "first_zlib", "system"}),
        ("from pkgs import pkgs\npkgs.nested.zlib.", {"name", "env", "outputs", "override", "override_attrs"}),
        ("from pkgs import pkgs, report\nreport(pkgs.zlib, t", {"title="}),
        ("import hermetica as hm\nhm.derivation(name='a', ", {"builder=", "env=", "outputs=", "structured=", "meta="}),
        ("import hermetica as hm\nhm.Store.open(", {"path=", "read_only=", "lower=", "config="}),
        ("import hermetica as hm\nstore = hm.Store.open()\nstore.", {"realize", "realize_all", "plan", "objects"}),
        ("import hermetica as hm\n@hm.", {"builder", "check", "matrix", "package"}),
    ],
)
def test_an_editor_completes_names_and_parameters(editor: LanguageServer, written: str, offered: set[str]) -> None:
    assert offered <= editor.completions(written)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("from pkgs import pkgs\npkgs.zlib", "zlib: Derivation"),
        ("from pkgs import report\nreport", "report: Builder[(data: Input, *, title: str = "),
        ("import hermetica as hm\nhm.derivation", "of that name"),
    ],
)
def test_an_editor_shows_what_a_name_is(editor: LanguageServer, written: str, shown: str) -> None:
    assert shown in editor.hover(written)
