"""Modules are evaluated apart: they see their project and nothing else, and what they cannot see is explained."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine

pytestmark = pytest.mark.sandbox
APART = {"HERMETICA_EVAL_SANDBOX": "always"}
TARGET = "./pkgs.py:top"


@pytest.fixture
def project(hermetica: CommandLine) -> CommandLine:
    """A project that is its directory alone."""
    shutil.rmtree(hermetica.directory.parent / ".jj")
    hermetica.environment.update(APART)
    return hermetica


def content(hermetica: CommandLine, expression: str, *more: str, env: dict[str, str] | None = None) -> str:
    """What an expression is where it is evaluated."""
    hermetica.write("pkgs.py", f"import os, pathlib, sys\nimport hermetica as hm\ntop = hm.text('top', {expression})\n")
    with open(hermetica("build", "--no-link", *more, TARGET, env=env or {}).stdout.strip()) as built:  # noqa: PTH123 -- of a text that was printed
        return built.read()


def declare(hermetica: CommandLine, *lines: str) -> None:
    hermetica.write("pyproject.toml", "\n".join(["[tool.hermetica.evaluation]", *lines, ""]))


def test_no_variable_is_seen_but_those_declared(project: CommandLine) -> None:
    env = {"SECRET": "s", "FLAVOUR": "sweet"}
    assert content(project, "repr(sorted(os.environ))", env=env) == (
        "['HOME', 'LANG', 'PATH', 'PWD', 'PYTHONDONTWRITEBYTECODE', 'PYTHONHASHSEED', 'TZ', 'USER']"
    )
    assert content(project, "os.environ['HOME']") == "/homeless"
    told = project("ls", env=env, status=0).stderr
    project.write("pkgs.py", "import os\nimport hermetica as hm\ntop = hm.text('top', os.environ['FLAVOUR'])\n")
    told = project("build", TARGET, env=env, status=3).stderr
    assert "error[HM220]" in told
    assert "--> pkgs.py:3" in told
    assert "sees no variable that its project does not declare: FLAVOUR" in told
    assert 'environment = ["FLAVOUR"]' in told
    declare(project, 'environment = ["FLAVOUR"]')
    assert content(project, "os.environ['FLAVOUR']", env=env) == "sweet"
    assert content(project, "str('SECRET' in os.environ)", env=env) == "False"


def test_no_file_is_seen_but_those_of_the_project_and_what_it_declares(project: CommandLine) -> None:
    outside = project.directory.parent / "shared" / "words"
    outside.parent.mkdir()
    outside.write_text("of all")
    assert content(project, f"str(os.path.exists({str(outside)!r}))") == "False"
    project.write("pkgs.py", f"import hermetica as hm\ntop = hm.text('top', open({str(outside)!r}).read())\n")
    told = project("build", TARGET, status=3).stderr
    assert f"{outside} is outside the project {project.directory}" in told
    project.write("pkgs.py", f"import hermetica as hm\ntop = hm.source({str(outside.parent)!r})\n")
    assert "is outside the project" in project("source", "ls", TARGET, status=3).stderr
    declare(project, 'reads = ["../shared"]')
    assert content(project, f"open({str(outside)!r}).read()") == "of all"


def test_nothing_is_reached_and_nothing_is_written(project: CommandLine) -> None:
    reach = "socket.create_connection(('127.0.0.1', 9))"
    project.write("pkgs.py", f"import socket\nimport hermetica as hm\nlo = {reach}\n")
    assert "error[HM220]" in project("ls", status=3).stderr
    project.write("pkgs.py", "import hermetica as hm\nopen('made', 'w')\n")
    assert "Read-only file system" in project("ls", status=3).stderr
    assert not (project.directory / "made").exists()


def test_a_command_at_the_root_of_the_file_system_evaluates_apart_too(project: CommandLine) -> None:
    project.write("pkgs.py", "import os\nimport hermetica as hm\ntop = hm.text('top', os.environ['HOME'])\n")
    target = f"{project.directory}/pkgs.py:top"
    built = project("build", "--no-link", target, cwd="/").stdout.strip()
    assert Path(built).read_text(encoding="utf-8") == "/homeless"


def test_whoever_wants_it_sees_the_whole_machine(project: CommandLine) -> None:
    assert content(project, "os.environ['FLAVOUR']", "--impure", env={"FLAVOUR": "sweet"}) == "sweet"
    never = {"HERMETICA_EVAL_SANDBOX": "never", "FLAVOUR": "sour"}
    assert content(project, "os.environ['FLAVOUR']", env=never) == "sour"


def test_the_order_of_a_set_is_the_same_every_time(project: CommandLine) -> None:
    names = "''.join({'a', 'b', 'c', 'd', 'e', 'f', 'g'})"
    assert len({content(project, names, env={"PYTHONHASHSEED": str(seed)}) for seed in range(3)}) == 1


def test_what_modules_say_arrives(project: CommandLine) -> None:
    project.write(
        "pkgs.py", "import sys\nimport hermetica as hm\nprint('aside', file=sys.stderr)\ntop = hm.text('t', '')\n"
    )
    assert "aside" in project("ls").stderr


def test_an_evaluation_that_dies_is_told(project: CommandLine) -> None:
    project.write("pkgs.py", "import os\nos.kill(os.getpid(), 9)\n")
    told = project("ls", status=3).stderr
    assert "error[HM691] the evaluation ended before it answered" in told
    assert "cause  ended" in told


def test_where_no_sandbox_can_be_made_it_depends(project: CommandLine) -> None:
    project.write("pkgs.py", "import hermetica as hm\ntop = hm.text('top', '')\n")
    none = {"HERMETICA_BWRAP": "/bin/false"}
    told = project("ls", env=none, status=4).stderr
    assert "error[HM692] modules cannot be evaluated in a sandbox here" in told
    ended = project("ls", "-v", env=none | {"HERMETICA_EVAL_SANDBOX": "auto"})
    assert "./pkgs.py:top" in ended.stdout
    assert "evaluation: in this process, because no sandbox can be made" in ended.stderr


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("environment = 1", "environment of tool.hermetica.evaluation is no list of texts: 1"),
        ("reads = ['']", "reads of tool.hermetica.evaluation is no list of texts"),
        ("enviroment = []", "has no 'enviroment'"),
        ("= ", "cannot be read"),
    ],
)
def test_a_declaration_without_meaning_is_told(line: str, said: str, project: CommandLine) -> None:
    declare(project, line)
    project.write("pkgs.py", "import hermetica as hm\ntop = hm.text('top', '')\n")
    told = project("ls", status=3).stderr
    assert "error[HM690]" in told
    assert said in told


def test_declared_variables_count_for_what_is_remembered(project: CommandLine) -> None:
    declare(project, 'environment = ["FLAVOUR"]')
    project.write("pkgs.py", "import os\nimport hermetica as hm\ntop = hm.text('top', os.environ.get('FLAVOUR', ''))\n")
    seen: list[tuple[str, bool]] = []
    for flavour in ("sweet", "sweet", "sweet", "sweet", "sour"):
        time.sleep(0.03)
        ended = project("build", "-v", "--no-link", TARGET, env={"FLAVOUR": flavour, "OTHER": str(len(seen))})
        seen.append((ended.stdout, "evaluation: remembered" in ended.stderr))
    assert seen[3] == (seen[0][0], True)
    assert seen[4][0] != seen[0][0]
    assert not seen[4][1]


def test_a_work_tree_whose_repository_is_elsewhere_is_read(project: CommandLine) -> None:
    main, tree = project.directory.parent / "main", project.directory.parent / "tree"
    main.mkdir()
    (main / "a").write_text("a")
    (main / ".gitignore").write_text("*.tmp\n")
    (main / "pkgs.py").write_text("import hermetica as hm\nsrc = hm.source('.')\n")
    identity = ("-c", "user.name=n", "-c", "user.email=n@example.org")
    for words in (("init", "-q"), ("add", "."), ("commit", "-qm", "x"), ("worktree", "add", "-q", str(tree))):
        subprocess.run(["git", *identity, *words], cwd=main, check=True, env=project.environment)
    (tree / "b.tmp").write_text("")
    listed = project("source", "ls", f"{tree}/pkgs.py:src").stdout.split()
    assert listed == [".gitignore", "a", "pkgs.py"]
    assert os.path.isfile(tree / ".git")  # noqa: PTH113 -- as git made it


def test_a_child_that_was_started_on_a_wrong_guess_is_not_asked(project: CommandLine) -> None:
    """Of what the settings say, and of what was typed."""
    project.write(
        "pkgs.py", "import os\nimport hermetica as hm\ntop = hm.text('top', os.environ.get('FLAVOUR', '-'))\n"
    )
    project.write("other.py", "import hermetica as hm\ntop = hm.text('top', '')\n")
    env = {"FLAVOUR": "sweet"}
    settings = project.write("settings.toml", 'eval_sandbox = "never"\n')
    del project.environment["HERMETICA_EVAL_SANDBOX"]
    for more, found in ({}, "-"), ({"HERMETICA_CONFIG": str(settings)}, "sweet"):
        built = project("build", "--no-link", TARGET, env=env | more).stdout.strip()
        assert Path(built).read_text(encoding="utf-8") == found
    beside = project.directory.parent / "beside" / "trace.py"  # which ends like a module
    beside.parent.mkdir()
    beside.write_text("")
    sight = f"str(os.path.exists({str(beside)!r}))"
    assert content(project, sight, "--trace", str(beside)) == "False"
    assert "error[HM600]" in project("build", TARGET, "--nothing", status=2).stderr
