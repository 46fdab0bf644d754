"""The guides: every module in them evaluates, and every command they show is one that exists."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from hermetica.cli.parser import COMMANDS, command_parser

ROOT = Path(__file__).parents[2]
GUIDES = sorted((ROOT / "docs/guides").glob("*.md"))
_MODULE = re.compile(r"^```python\n# (?P<name>\w+\.py)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"^\$ (?:\w+=\S+ )*hermetica (?P<words>[^|<>\n]*)", re.MULTILINE)
_LOCKED = re.compile(r'group\("(?P<group>\w+)"\)(?:\.pin\("(?P<pin>[\w.-]+)", kind="(?P<kind>[\w-]+)"\))?')


def _modules() -> list[tuple[str, str, str]]:
    return [
        (guide.name, found["name"], found["text"])
        for guide in GUIDES
        for found in _MODULE.finditer(guide.read_text(encoding="utf-8"))
    ]


def _lock_for(text: str) -> str:
    """A lock with the groups and pins that a module reads; what is pinned does not matter to an evaluation."""
    lines = ["version = 1"]
    for found in {match["group"]: match for match in _LOCKED.finditer(text)}.values():
        group = found["group"]
        kind, name = found["kind"] or "debian", found["pin"] or "any"
        lines += [
            f"[groups.{group}]",
            f"[[groups.{group}.pins]]",
            *(f'kind = "{kind}"', f'name = "{name}"', 'version = "1"', f'sha256 = "{"0" * 64}"', "size_bytes = 1"),
            f'addresses = ["mirror://debian/pool/{name}"]',
        ]
    return "\n".join(lines) + "\n"


def test_there_are_guides_with_modules() -> None:
    assert len(_modules()) >= 4


@pytest.mark.parametrize(("guide", "name", "text"), _modules(), ids=lambda each: str(each).partition("\n")[0])
def test_every_module_evaluates(tmp_path: Path, guide: str, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "hermetica.lock").write_text(_lock_for(text), encoding="utf-8")
    for directory in ("src", "include", "tests"):
        (tmp_path / directory).mkdir()
        (tmp_path / directory / "file").write_text("x")
        (tmp_path / directory / "module.py").touch()
    for name_of_file in ("Makefile", "pyproject.toml"):
        (tmp_path / name_of_file).touch()
    ended = subprocess.run(
        [sys.executable, "-m", "hermetica", "ls", "--json", name],
        cwd=tmp_path,
        env={**os.environ, "HERMETICA_STORE": str(tmp_path / "store")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, f"{guide}: {ended.stderr}"
    assert json.loads(ended.stdout)["targets"]


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.name)
def test_every_command_is_one_that_exists(guide: Path) -> None:
    for found in _COMMAND.finditer(guide.read_text(encoding="utf-8")):
        words = shlex.split(found["words"], comments=True)
        assert words[0] in COMMANDS, found[0]
        _, parser = command_parser(words[0])
        own = words[1 : words.index("--")] if "--" in words else words[1:]
        parser.parse_args(own)
