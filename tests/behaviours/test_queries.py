"""B57-B59: asking the store, and being understood."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.behaviours.conftest import module

if TYPE_CHECKING:
    import hermetica as hm
    from tests.behaviours.conftest import CommandLine, Shell

pytestmark = pytest.mark.sandbox

CHAIN = module(
    "deep = sh('deep', 'echo deep > $out')",
    "middle = sh('middle', 'mkdir $out; echo uses $deep > $out/file', env={'deep': f'{deep}'})",
    "top = sh('top', 'mkdir -p $out/bin; echo run $middle/file > $out/bin/top', env={'middle': f'{middle}'})",
    "apart = sh('apart', 'echo apart > $out')",
)


def test_b57_why_depends_shows_the_chain_and_where_each_reference_stands(command: CommandLine) -> None:
    command.write("pkgs.py", CHAIN)
    command("build", "--no-link", "./pkgs.py:top")
    text = command("why-depends", "./pkgs.py:top", "./pkgs.py:deep").stdout
    for word in ("-top", "-middle", "-deep", "bin/top", "file"):
        assert word in text
    steps = json.loads(command("why-depends", "--json", "./pkgs.py:top", "./pkgs.py:deep").stdout)
    assert [step["file"] for step in steps["steps"]] == ["bin/top", "file"]
    assert all(isinstance(step["offset"], int) for step in steps["steps"])
    command("build", "--no-link", "./pkgs.py:apart")
    assert command("why-depends", "./pkgs.py:top", "./pkgs.py:apart", status=None).returncode != 0


def test_b58_queries_agree_with_each_other(store: hm.Store, sh: Shell) -> None:
    library = sh("library", "echo > $out")
    app = sh("app", "echo $lib $out > $out", {"lib": f"{library}"})
    result = store.realize(app)
    objects = store.objects
    paths = set(objects.paths())
    for path in paths:
        assert objects.find(path.digest) == (path,)
        info = objects.info(path)
        assert info is not None
        assert tuple(info.references) == objects.references(path)
        for reference in objects.references(path):
            assert reference in paths
            if reference != path:
                assert path in objects.referrers(reference)
        for referrer in objects.referrers(path):
            assert path in objects.references(referrer)
        closure = set(objects.closure([path]))
        assert closure >= {path, *objects.references(path)}
    assert store.path(app) == result.out
    assert [record["outputs"]["out"]["path"] for record in store.trace.all_records() if record["name"] == "app"] == [
        str(result.out)
    ]


def test_b58_the_command_line_agrees_with_itself(command: CommandLine) -> None:
    command.write("pkgs.py", CHAIN)
    command("build", "--no-link", "./pkgs.py:top")
    top = command("query", "outputs", "./pkgs.py:top").stdout.split()
    middle = command("query", "outputs", "./pkgs.py:middle").stdout.split()
    assert command("query", "references", top[0]).stdout.split() == middle
    assert command("query", "referrers", middle[0]).stdout.split() == top
    assert set(command("query", "closure", top[0]).stdout.split()) >= {*top, *middle}


def test_b59_a_typo_suggests_only_close_names(command: CommandLine) -> None:
    command.write("pkgs.py", CHAIN)
    ended = command("build", "./pkgs.py:midle", status=2)
    assert "middle" in ended.stderr
    assert "apart" not in ended.stderr
    ended = command("build", "./pkgs.py:zzzzzz", status=2)
    assert "did you mean" not in ended.stderr


def test_explain_names_the_field_that_changed_the_line_and_what_follows(command: CommandLine) -> None:
    command.write("pkgs.py", CHAIN)
    command("build", "--no-link", "./pkgs.py:top")
    assert "is reused" in command("explain", "./pkgs.py:top").stdout
    command.write("pkgs.py", CHAIN.replace("echo deep", "echo deeper"))
    text = command("explain", "./pkgs.py:top").stdout
    assert text.startswith('top will be built because deep has args[1] "echo deep > $out" -> "echo deeper > $out"')
    assert "(pkgs.py:5; last realized " in text
    assert "2 dependants follow" in text
