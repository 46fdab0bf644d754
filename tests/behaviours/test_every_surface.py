"""Promises about identity, outputs and queries hold through every way in: asyncio, an evaluation apart, pip, pytest."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import hermetica as hm
from hermetica.model import to_records
from tests.behaviours.conftest import module

if TYPE_CHECKING:
    from tests.behaviours.conftest import CommandLine, Shell

pytestmark = pytest.mark.sandbox

GRAPH = (
    "tool = sh('tool', 'echo tool > $out')",
    "lib = sh('lib', 'echo lib > $out')",
    "app = sh('app', 'mkdir -p $out/bin; echo $lib > $out/bin/app', env={'tool': f'{tool}', 'lib': f'{lib}'})",
)
NESTED: dict[str, Any] = {"a": [1, True, None, {"b": 'ü " \\ \n'}], "empty": {}}


def test_b04_a_plan_by_asyncio_and_a_build_that_is_only_tried_write_nothing(store_root: Path, sh: Shell) -> None:
    async def planned() -> int:
        async with hm.aio.open_store(store_root) as store:
            return len((await store.plan([sh("a", "echo > $out", {"b": f"{sh('b', 'echo > $out')}"})])).steps)

    assert asyncio.run(planned()) == 2
    with hm.Store.open(store_root) as store:
        assert list(store.objects.paths()) == []


def test_b04_what_an_evaluation_apart_sends_back_has_the_ids_of_one_here(command: CommandLine) -> None:
    command.write("pkgs.py", module(*GRAPH))
    apart = json.loads(command("show", "--json", "./pkgs.py:app").stdout)
    here = json.loads(command("--impure", "show", "--json", "./pkgs.py:app").stdout)
    assert apart == here


def test_b05_a_large_attribute_and_a_deep_chain_come_back_from_an_evaluation_apart(command: CommandLine) -> None:
    command.write(
        "pkgs.py",
        module(
            "large = sh('large', 'true', env={'big': 'x' * (1 << 20)})",
            "last = sh('d0', 'true')",
            "for index in range(1, 10_000): last = sh(f'd{index}', 'true', env={'below': f'{last}'})",
        ),
    )
    large, last = (
        json.loads(command("show", "--json", f"./pkgs.py:{name}").stdout)["id"] for name in ("large", "last")
    )
    with hm.evaluation():
        names: dict[str, Any] = {}
        exec((command.directory / "pkgs.py").read_text(), names)  # noqa: S102 -- our own
        assert (names["large"].id.hex, names["last"].id.hex) == (large, last)
        assert len(to_records([names["last"]])) == 10_000


def test_b16_b17_b18_what_a_builder_is_given_is_whole_after_an_evaluation_apart(command: CommandLine) -> None:
    command.write(
        "pkgs.py",
        module(
            *GRAPH,
            "note = hm.text('note', f'path={lib}')",
            f"nested = {NESTED!r}",
            "own = hm.placeholder('out')",
            "given = sh('given',",
            "  'mkdir $out $dev; cp \"$longPath\" $out/long; cp $HERMETICA_ATTRS $out/attrs; cp runtime.json $out/;'",
            "  'echo \"$mine\" > $out/env; cp $note $out/note',",
            "  outputs=('out', 'dev'), env={'long': 'x' * 300_000, 'mine': own, 'note': f'{note}'},",
            "  pass_as_file=('long',), structured={'nested': nested, 'paths': [own, f'{lib}']},",
            "  export_references={'runtime.json': f'{app}'})",
        ),
    )
    out = Path(command("build", "--no-link", "./pkgs.py:given").stdout.split()[0])
    logical = f"/hermetica/store/{out.name}"
    (lib,) = command("query", "outputs", "./pkgs.py:lib").stdout.split()
    (app,) = command("query", "outputs", "./pkgs.py:app").stdout.split()
    attributes = json.loads((out / "attrs").read_text())
    assert len((out / "long").read_text()) == 300_000
    assert (attributes["nested"], attributes["paths"]) == (NESTED, [logical, lib])
    assert sorted(attributes["outputs"]) == ["dev", "out"]
    assert (out / "env").read_text().split()[0] == logical
    assert (out / "note").read_text() == f"path={lib}"
    assert {row["path"] for row in json.loads((out / "runtime.json").read_text())["closure"]} == {app, lib}


def test_b16_placeholders_resolve_in_a_task(store_root: Path, sh: Shell) -> None:
    async def built() -> tuple[str, str]:
        async with hm.aio.open_store(store_root) as store:
            note = hm.text("note", f"{sh('lib', 'echo > $out')}")
            made = await store.realize(
                sh("a", 'echo "$mine $(cat $note)" > $out', {"mine": hm.placeholder("out"), "note": f"{note}"})
            )
            return store.store.on_disk(made.out).read_text(), f"{made.out} {made.references[0]}\n"

    text, wanted = asyncio.run(built())
    assert text == wanted


def test_b57_b58_what_is_drawn_weighed_asked_and_told_of_a_run_agrees(command: CommandLine) -> None:
    command.write("pkgs.py", module(*GRAPH))
    command("build", "--no-link", "./pkgs.py:app", "--events", "run.jsonl")
    asked = set(command("query", "closure", "./pkgs.py:app").stdout.split())
    drawn = json.loads(command("graph", "--runtime", "--as", "json", "./pkgs.py:app").stdout)
    weighed = json.loads(command("size", "--objects", "--json", "./pkgs.py:app").stdout)
    told = [json.loads(line) for line in (command.directory / "run.jsonl").read_text().splitlines()]
    (closure,) = (event["objects"] for event in told if event["kind"] == "closure")
    assert {node["id"] for node in drawn["nodes"]} == asked == set(closure)
    assert {row["path"]: row["size_bytes"] for row in weighed["targets"][0]["objects"]} == closure
    steps = json.loads(command("why-depends", "--json", "./pkgs.py:app", "./pkgs.py:lib").stdout)["steps"]
    edges = {(edge["from"], edge["to"]) for edge in drawn["edges"]}
    assert {(step["from"], step["to"]) for step in steps} <= edges


BACKEND = (
    '[build-system]\nrequires = []\nbuild-backend = "hermetica.pep517"\n[project]\nname = "greet"\nversion = "1"\n'
)


def test_b59_a_typo_gets_the_close_names_from_pip_and_from_pytest_too(command: CommandLine) -> None:
    command.write("pkgs.py", module(*GRAPH, "wheel = sh('wheel', 'echo > $out')"))
    command.write("pyproject.toml", BACKEND + '[tool.hermetica]\nwheel = "pkgs.py:whele"\n')
    command.write("test_it.py", "def test_it(hermetica_output):\n    hermetica_output('./pkgs.py:whele')\n")
    for words in (("pip", "wheel", "--no-build-isolation", "--no-deps", "."), ("pytest", "-q", "-n0", "test_it.py")):
        ended = subprocess.run(
            [sys.executable, "-m", *words],
            cwd=command.directory,
            env=command.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        said = ended.stdout + ended.stderr
        assert ended.returncode != 0
        assert "did you mean wheel?" in said
        assert "did you mean app" not in said


@pytest.mark.parametrize(
    ("line", "close"),
    [
        ("lst ./pkgs.py", "ls"),
        ("query select deps(./pkgs.py:ap)", "app"),
        ("graph ./pkgs.py:toool", "tool"),
        ("explain ./pkgs.py:lip", "lib"),
        ("size ./pkgs.py:zzzzzz", None),
    ],
)
def test_b59_every_command_suggests_close_names_only(command: CommandLine, line: str, close: str | None) -> None:
    command.write("pkgs.py", module(*GRAPH))
    ended = command(*line.split(), status=None)
    assert ended.returncode in {2, 4}
    assert ("did you mean" in ended.stderr) == (close is not None)
    assert close is None or f"did you mean {close}?" in ended.stderr
