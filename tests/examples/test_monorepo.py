"""The example of a repository with several languages: its README's commands, and what a change leads to."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.examples.conftest import Example

pytestmark = [pytest.mark.sandbox, pytest.mark.slow]


def outcomes(example: Example) -> dict[str, str]:
    """What became of each derivation that a build of the site realizes."""
    lines = example.run("hermetica", "build", "./pkgs.py:pkgs.site", "--ui", "json").stdout.splitlines()
    events = [json.loads(line) for line in lines if line.startswith("{")]
    return {each["name"]: each["outcome"] for each in events if each["kind"] == "derivation-finished"}


def test_the_commands_of_the_readme_work_and_changes_go_as_far_as_they_must(example: Example) -> None:
    build, check = example.commands()
    example.run(*build)
    site = example.directory / "result"
    assert sorted(each.name for each in site.iterdir()) == ["index.html", "usage.html"]
    usage = (site / "usage.html").read_text()
    assert "<footer>5 lines, 26 words</footer>" in usage
    assert '<a href="index.html">' in usage
    assert example.run(*check).stdout.count("holds") == 3
    by_name = example.run("hermetica", "build", "--no-link", "project#pkgs.site")
    assert by_name.stdout.strip() == str(site.resolve())

    mark = uuid.uuid4().hex  # the store may have what an earlier run made
    example.edit("tally/src/main.c", '#include "tally.h"', f'/* {mark} */\n#include "tally.h"')
    assert outcomes(example) == {"tally-1.0": "built", "site": "cached"}
    example.edit("tally/src/main.c", "%zu lines, %zu words", f"%zu lines, %zu words, {mark}")
    assert outcomes(example) == {"tally-1.0": "built", "site": "built"}
    assert f"5 lines, 26 words, {mark}" in (site / "usage.html").read_text()
    example.edit("site/usage.txt", "(index.html)", "(nowhere.html)")
    failed = example.run(*check, status=100)
    assert "usage.html leads to nowhere.html, which is not there" in failed.stderr
    assert "pkgs.pages_pass" in failed.stdout
