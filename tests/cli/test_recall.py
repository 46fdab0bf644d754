"""A build is remembered by what its evaluation read: nothing that changes the result goes unnoticed."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import pytest

from hermetica_store import ObjectStore, StorePath
from hermetica_store.schema import OBJECTS, USED
from tests.measuring import unmeasured

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import CommandLine

REMEMBERED = "evaluation: remembered"
TARGET = "./pkgs.py:top"
ROUNDS = 4
HERE = {"HERMETICA_EVAL_SANDBOX": "never"}  # the module sees all, and can do what a sandbox would not let it


def write(hermetica: CommandLine, *lines: str) -> None:
    hermetica.write("pkgs.py", "\n".join(["import os", "import hermetica as hm", *lines]) + "\n")


def build(hermetica: CommandLine, *more: str, env: dict[str, str] | None = None) -> tuple[str, bool]:
    """What a build prints, and whether it was remembered."""
    time.sleep(0.03)  # past the clock's granularity: what changed within it is not trusted
    ended = hermetica("build", "-v", *(more or ["--no-link"]), TARGET, env=env or {})
    return ended.stdout, REMEMBERED in ended.stderr


def remember(hermetica: CommandLine, *more: str, env: dict[str, str] | None = None) -> str:
    """Builds until it is remembered; what it prints."""
    for _ in range(ROUNDS):
        printed, is_remembered = build(hermetica, *more, env=env)
        if is_remembered:
            return printed
    raise AssertionError(hermetica("build", "-v", *(more or ["--no-link"]), TARGET, env=env or {}).stderr)


def touch_back(path: Path, text: str) -> None:
    """Other bytes of the same length under the old modification time."""
    status = path.stat()
    path.write_text(text)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def replace(path: Path, text: str) -> None:
    fresh = path.with_name("fresh")
    fresh.write_text(text)
    fresh.replace(path)


def archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as written:
        written.writestr("other.py", "TEXT = 'afresh'\n")


def relink(link: Path, target: str) -> None:
    link.unlink()
    link.symlink_to(target)


DATA = "top = hm.text('top', open('data/one').read())"
CASES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "a helper module changed": (
        "import helper\ntop = hm.text('top', helper.TEXT)",
        lambda here: (here / "helper.py").write_text("TEXT = 'other'\n"),
    ),
    "the module itself changed": (
        DATA,
        lambda here: (here / "pkgs.py").write_text("import hermetica as hm\ntop = hm.text('a', 'b')\n"),
    ),
    "a data file changed": (DATA, lambda here: (here / "data/one").write_text("other")),
    "a data file was replaced": (DATA, lambda here: replace(here / "data/one", "two")),
    "a data file has other bytes under its old time": (DATA, lambda here: touch_back(here / "data/one", "eno")),
    "a link leads elsewhere": (
        "top = hm.text('top', open('data/link').read())",
        lambda here: relink(here / "data/link", "two"),
    ),
    "a file that was there is gone": (
        "from pathlib import Path\ntop = hm.text('top', str(Path('data/two').exists()))",
        lambda here: (here / "data/two").unlink(),
    ),
    "a file that was not there is": (
        "top = hm.text('top', str(os.path.isfile('data/three')))",
        lambda here: (here / "data/three").touch(),
    ),
    "a file may no longer be entered": (
        "top = hm.text('top', str(os.access('data/two', os.X_OK)))",
        lambda here: (here / "data/two").chmod(0o755),
    ),
    "a new file is in a directory of a pattern": (
        "from pathlib import Path\ntop = hm.text('top', repr(sorted(p.name for p in Path('data').glob('*'))))",
        lambda here: (here / "data/three").touch(),
    ),
    "a directory has another name in it": (
        "top = hm.text('top', repr(sorted(os.listdir('data'))))",
        lambda here: (here / "data/two").rename(here / "data/second"),
    ),
    "a file of a scanned directory has another size": (
        "top = hm.text('top', str(sum(e.stat().st_size for e in os.scandir('data'))))",
        lambda here: (here / "data/two").write_text("longer than before"),
    ),
    "a module comes before another of its name": (
        "import sys; sys.path.insert(0, os.path.abspath('data'))\nimport script\ntop = hm.text('top', script.TEXT)",
        lambda here: (here / "data/script.py").write_text("TEXT = 'early'\n"),
    ),
    "a script that is run changed": (
        "import runpy\ntop = hm.text('top', runpy.run_path('script.py')['TEXT'])",
        lambda here: touch_back(here / "script.py", "TEXT = 'two'\n"),
    ),
    "an archive of modules has another module": (
        "import sys; sys.path.insert(0, 'archive.zip')\nimport other\ntop = hm.text('top', other.TEXT)",
        lambda here: archive(here / "archive.zip"),
    ),
    "a pattern that matched nothing matches": (
        "try:\n    a = hm.source('data', include=['*.c'])\nexcept Exception:\n    a = 0\ntop = hm.text('top', str(a))",
        lambda here: (here / "data/three.c").touch(),
    ),
    "a source has another file": (
        "top = hm.text('top', f\"{hm.source('data')}\")",
        lambda here: (here / "data/three").touch(),
    ),
    "a file of a source changed": (
        "top = hm.text('top', f\"{hm.source('data')}\")",
        lambda here: touch_back(here / "data/two", "owt"),
    ),
}


@pytest.fixture
def project(hermetica: CommandLine) -> CommandLine:
    hermetica.write("data/one", "one")
    hermetica.write("data/two", "two")
    hermetica.write("late.py", "TEXT = 'late'\ndef unused():\n    import uuid\n")
    hermetica.write("script.py", "TEXT = 'one'\n")
    with zipfile.ZipFile(hermetica.directory / "archive.zip", "w") as written:
        written.writestr("other.py", "TEXT = 'archived'\n")
    hermetica.write("helper.py", "TEXT = 'first'\n")
    (hermetica.directory / "data/link").symlink_to("one")
    return attrs.evolve(hermetica, environment=unmeasured(hermetica.environment))


@pytest.mark.parametrize("case", CASES)
def test_a_change_of_what_was_read_is_noticed(case: str, project: CommandLine) -> None:
    lines, change = CASES[case]
    write(project, lines)
    before = remember(project)
    change(project.directory)
    after, is_remembered = build(project)
    assert not is_remembered
    assert after != before


def test_what_was_not_read_may_change(project: CommandLine) -> None:
    write(project, DATA)
    before = remember(project)
    project.write("data/two", "three")
    assert build(project, env={"SHLVL": "7", "_": "x"}) == (before, True)


def test_variables_count_where_they_are_looked_at(project: CommandLine) -> None:
    write(project, "top = hm.text('top', os.environ.get('FLAVOUR', 'plain'))")
    plain = remember(project, env=HERE)
    assert build(project, env=HERE | {"OTHER": "x"}) == (plain, True)
    sweet, is_remembered = build(project, env=HERE | {"FLAVOUR": "sweet"})
    assert (sweet != plain, is_remembered) == (True, False)
    write(project, "top = hm.text('top', str(sorted(os.environ)))")
    everything = remember(project, env=HERE)
    assert build(project, env=HERE | {"OTHER": "x"})[0] != everything


def test_the_search_path_and_the_version_of_a_dependency_count(project: CommandLine, tmp_path: Path) -> None:
    for place, version in (("first", "1"), ("second", "2")):
        project.write(f"{place}/dep/__init__.py", "from importlib.metadata import version\nVERSION = version('dep')\n")
        project.write(
            f"{place}/dep-{version}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: dep\nVersion: {version}\n"
        )
    write(project, "import dep", "top = hm.text('top', dep.VERSION)")
    first, second = ({"PYTHONPATH": str(project.directory / name)} for name in ("first", "second"))
    one = remember(project, env=first)
    assert build(project, env=second)[0] != one
    information = project.directory / "first/dep-1.dist-info"
    information.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: dep\nVersion: 3\n")
    three, is_remembered = build(project, env=first)
    assert (three != one, is_remembered) == (True, False)


def test_another_working_directory_is_another_command(project: CommandLine, tmp_path: Path) -> None:
    write(project, DATA)
    before = remember(project)
    other = tmp_path / "other"
    shutil.copytree(project.directory, other, symlinks=True)
    (other / "data/one").write_text("elsewhere")
    project.directory.rename(tmp_path / "old")
    other.rename(project.directory)
    after, is_remembered = build(project)
    assert (after != before, is_remembered) == (True, False)


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_what_git_says_of_a_source_is_read_too(project: CommandLine) -> None:
    here = project.directory
    subprocess.run(["git", "init", "-q"], cwd=here, check=True, env=project.environment)
    write(project, "top = hm.text('top', f\"{hm.source('data')}\")")
    project.write("data/new.o", "o")
    project.write("data/build/deep/file", "o")
    seen = [remember(project)]
    for name, text in ((".gitignore", "*.o\n"), (".gitignore", "*.o\nbuild\n"), (".git/info/exclude", "two\n")):
        project.write(name, text)
        printed, is_remembered = build(project)
        assert (printed in seen, is_remembered) == (False, False)
        seen.append(remember(project))
    project.write("data/build/deep/other", "ignored, and in a directory that is ignored as a whole")
    assert build(project) == (seen[-1], True)
    project.write("data/three", "")
    assert build(project)[0] not in seen


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("print('hello')", "it prints"),
        ("import time", "may use time"),
        ("from datetime import date", "may use datetime"),
        ("def f():\n    import random", "may use random"),
        ("import runpy; runpy.run_path('late.py')", "late.py may use uuid"),
        ("os.stat('data').st_mtime", "may use st_mtime"),
        ("import subprocess; subprocess.run(['true'])", "subprocess.Popen"),
        ("open('data/out', 'w')", "it writes data/out"),
        ("os.mkdir('made')", "os.mkdir"),
        ("open('/proc/version').read()", "it reads /proc/version"),
        ("open('data/version').read()", "data/version, which says nothing of its changes"),
        ("os.environ['A'] = 'b'", "os.putenv"),
        ("import socket; socket.gethostname()", "socket"),
        ("os.listdir(os.open('data', os.O_RDONLY))", "descriptor"),
    ],
)
def test_what_leaves_no_trace_is_not_remembered_and_says_why(line: str, why: str, project: CommandLine) -> None:
    (project.directory / "data/version").symlink_to("/proc/version")
    write(project, line, "top = hm.text('top', 'x')")
    said = ""
    while "evaluation:" not in said:  # what code could do is looked at when a second evaluation led to the same
        time.sleep(0.03)
        said = project("build", "-v", "--no-link", TARGET, env=HERE).stderr
    assert "evaluation: not remembered, because" in said
    assert why in said


def test_an_evaluation_that_differs_from_time_to_time_is_never_believed(project: CommandLine) -> None:
    write(project, "top = hm.text('top', str(hash('chance')))")
    assert not any(build(project, env=HERE)[1] for _ in range(ROUNDS))


@pytest.mark.parametrize("words", [["--no-eval-cache"], ["--ui", "json"], ["--check"], ["--rounds", "2"]])
def test_some_options_always_evaluate(words: list[str], project: CommandLine) -> None:
    write(project, DATA)
    for _ in range(2):
        project("build", "-v", "--no-link", TARGET)
    for _ in range(2):
        assert REMEMBERED not in project("build", "-v", "--no-link", *words, TARGET).stderr


def test_a_setting_turns_it_off(project: CommandLine) -> None:
    write(project, DATA)
    remember(project)
    off = {"HERMETICA_EVAL_CACHE": "false"}
    assert not any(build(project, env=off)[1] for _ in range(3))
    remember(project)
    (project.directory.parent / "home/.config/hermetica").mkdir(parents=True)
    (project.directory.parent / "home/.config/hermetica/config.toml").write_text("eval_cache = false\n")
    assert not any(build(project)[1] for _ in range(3))


def test_an_output_that_was_collected_is_made_again(project: CommandLine) -> None:
    write(project, DATA)
    place = remember(project)
    project("gc")
    assert build(project) == (place, False)
    assert Path(place.strip()).exists()


def test_a_link_that_is_gone_is_made_again(project: CommandLine) -> None:
    write(project, DATA)
    words = ["-o", "made"]
    link = project.directory / "made"
    remember(project, *words)
    for break_it in (link.unlink, lambda: relink(link, "elsewhere"), lambda: project("root", "rm", f"link:{link}")):
        break_it()
        assert not build(project, *words)[1]
        assert link.exists()
        remember(project, *words)
    project("gc")
    assert link.exists()


def test_the_answer_is_that_of_the_whole_way_in_json_too(project: CommandLine) -> None:
    write(project, "top = {'a': hm.text('a', 'a'), 'b': hm.text('b', 'b')}")
    printed = remember(project, "--no-link", "--json")
    assert printed == project("build", "--no-link", "--json", "--no-eval-cache", TARGET).stdout


def test_a_use_is_noted_once_an_hour(project: CommandLine) -> None:
    write(project, DATA)
    path = StorePath.parse_base(Path(remember(project).strip()).name)
    key = path.base.encode()
    with ObjectStore.open(project.store_root) as store:
        shared = store._shared  # pyright: ignore[reportPrivateUsage] -- nobody waits an hour
        shared.writer.run(lambda tx: tx.put(USED, key, bytes(6)))
    assert not build(project)[1]
    with ObjectStore.open(project.store_root) as store:
        shared = store._shared  # pyright: ignore[reportPrivateUsage] -- nobody waits an hour
        used = shared.index.get(USED, key)
        assert shared.index.get(OBJECTS, key) is not None
    assert int.from_bytes(used or b"", "big") > time.time() * 1000 - 60_000
    assert build(project)[1]


def test_where_nothing_can_be_looked_up_the_whole_way_tells_why(project: CommandLine) -> None:
    write(project, DATA)
    remember(project)
    (project.store_root / "index/data.mdb").write_bytes(b"no index" * 2048)
    assert "is damaged" in project("build", "--no-link", TARGET, status=5).stderr
