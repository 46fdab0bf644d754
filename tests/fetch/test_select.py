"""Local sources: which files are in, and why others are out."""

from __future__ import annotations

import fnmatch
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermetica.fetch import (
    InvalidPattern,
    NothingSelected,
    SourceNotFound,
    SourceOutside,
    UnreadableSource,
    select,
)
from hermetica.fetch.patterns import Patterns

if TYPE_CHECKING:
    from pathlib import Path


def git(root: Path, *arguments: str) -> None:
    command = ["git", "-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "protocol.file.allow=always"]
    subprocess.run([*command, "-C", str(root), *arguments], check=True, capture_output=True)


def with_files(root: Path, *paths: str) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)
    return root


@pytest.fixture(autouse=True)
def _own_git_settings(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", "/")


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    return with_files(tmp_path / "plain", "a.c", "src/b.c", "src/deep/c.c", "docs/d.md", "README.md", ".hidden")


@pytest.fixture
def work(tmp_path: Path) -> Path:
    root = with_files(tmp_path / "work", "a.c", "src/b.c", "src/b.o", "docs/d.md", "build/out", "gen/made.c", "new.c")
    (root / ".gitignore").write_text("*.o\n\n/build\ngen/\n")
    git(root, "init", "-q")
    git(root, "add", "a.c", "src", "docs", ".gitignore")
    git(root, "commit", "-qm", "first")
    return root


def test_without_git_everything_is_in_and_the_reason_is_said(plain: Path) -> None:
    (plain / "link").symlink_to("/etc")
    (plain / ".git").mkdir()
    (plain / ".git" / "config").write_text("no repository")
    chosen = select(plain)
    assert chosen.files == (".hidden", "README.md", "a.c", "docs/d.md", "link", "src/b.c", "src/deep/c.c")
    assert chosen.git is not None
    assert "not a git repository" in chosen.git
    assert chosen.excluded == {}


def test_without_the_program_git_everything_is_in(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    chosen = select(work)
    assert chosen.git == "git is not installed"
    assert "src/b.o" in chosen.files
    assert not any(file.startswith(".git/") for file in chosen.files)


def test_in_a_work_tree_the_files_are_those_that_git_tracks_or_would(work: Path) -> None:
    chosen = select(work)
    assert chosen.git is None
    assert chosen.files == (".gitignore", "a.c", "docs/d.md", "new.c", "src/b.c")
    assert select(work / "src").files == ("b.c",)


def test_the_rule_that_leaves_a_file_out_is_named(work: Path) -> None:
    chosen = select(work, exclude=["docs"])
    assert chosen.excluded == {
        "build/out": "ignored: .gitignore:3 (/build)",
        "docs/d.md": "exclude='docs'",
        "gen/made.c": "ignored: .gitignore:4 (gen/)",
        "src/b.o": "ignored: .gitignore:1 (*.o)",
    }
    narrowed = select(work, include=["src"])
    assert narrowed.excluded["a.c"] == "no pattern of include matches it"


def test_a_tracked_file_that_is_deleted_or_a_directory_now_is_out(work: Path) -> None:
    (work / "a.c").unlink()
    shutil.rmtree(work / "docs")
    (work / "docs").write_text("a file now")
    assert select(work).files == (".gitignore", "docs", "new.c", "src/b.c")


def test_a_tracked_file_that_is_ignored_is_in(work: Path) -> None:
    git(work, "add", "-f", "src/b.o")
    assert "src/b.o" in select(work).files


def test_a_pattern_without_wildcards_brings_an_ignored_file_back(work: Path) -> None:
    assert select(work, include=["src/**", "src/b.o"]).files == ("src/b.c", "src/b.o")
    assert select(work, include=["./gen/"]).files == ("gen/made.c",)
    assert select(work, include=["**", "build/out"]).files == (*sorted((*select(work).files, "build/out")),)
    assert select(work, include=["src/**"]).files == ("src/b.c",)


def test_a_pattern_that_only_ignored_files_match_says_how_to_take_them(work: Path) -> None:
    with pytest.raises(NothingSelected, match=r"\*\.o") as caught:
        select(work, include=["**/*.o"])
    assert "git ignores src/b.o" in str(caught.value.hint)


def test_submodules_and_nested_work_trees_are_noted_and_left_out(work: Path, tmp_path: Path) -> None:
    other = with_files(tmp_path / "other", "o.c")
    git(other, "init", "-q")
    git(other, "add", "o.c")
    git(other, "commit", "-qm", "first")
    git(work, "submodule", "-q", "add", str(other), "sub")
    shutil.copytree(other, work / "nested")
    chosen = select(work)
    assert chosen.submodules == ("nested", "sub")
    assert ".gitmodules" in chosen.files
    assert not any(file.startswith(("sub", "nested")) for file in chosen.files)
    assert chosen.excluded["sub/o.c"] == "in the submodule sub"


def test_a_directory_that_git_ignores_as_a_whole_is_taken_as_it_is(work: Path) -> None:
    chosen = select(work / "gen")
    assert chosen.files == ("made.c",)
    assert chosen.git == "git ignores the whole directory"


def test_variables_of_a_running_hook_do_not_lead_elsewhere(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = select(work).files
    monkeypatch.setenv("GIT_DIR", "/nonexistent")
    monkeypatch.setenv("GIT_INDEX_FILE", "/nonexistent")
    assert select(work).files == expected


def test_a_work_tree_of_another_user_gives_the_same_files(work: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can give files away")
    expected = select(work).files
    for path in (work, work / ".git"):
        os.chown(path, 12345, 12345)
    assert select(work).files == expected
    assert select(work).git is None


def test_include_narrows_and_exclude_has_the_last_word(plain: Path) -> None:
    assert select(plain, include=["src/**", "README.md"]).files == ("README.md", "src/b.c", "src/deep/c.c")
    assert select(plain, include=["src"]).files == ("src/b.c", "src/deep/c.c")
    assert select(plain, include=["**/*.c"], exclude=["src/deep"]).files == ("a.c", "src/b.c")
    assert select(plain, exclude=["**/*.md", ".*"]).files == ("a.c", "src/b.c", "src/deep/c.c")


def test_a_source_that_is_not_there_has_close_names(plain: Path) -> None:
    with pytest.raises(SourceNotFound, match="plane") as caught:
        select(plain.parent / "plane")
    assert "plain" in str(caught.value.hint)
    with pytest.raises(SourceNotFound, match="no directory"):
        select(plain / "a.c")


@pytest.mark.parametrize("pattern", ["../x", "/etc/passwd", "src/../../x"])
def test_a_pattern_that_leads_out_is_refused(pattern: str, plain: Path) -> None:
    for patterns in ({"include": [pattern]}, {"exclude": [pattern]}):
        with pytest.raises(SourceOutside):
            select(plain, **patterns)


def test_a_file_behind_a_link_is_outside(work: Path) -> None:
    (work / "gen" / "link").symlink_to("/etc")
    with pytest.raises(SourceOutside, match="symlink"):
        select(work, include=["gen/link/passwd"])


def test_the_own_directory_of_git_is_no_source(work: Path) -> None:
    with pytest.raises(SourceOutside):
        select(work / ".git")


@pytest.mark.parametrize("pattern", ["", "[z-a]"])
def test_a_pattern_that_is_none_is_refused(pattern: str, plain: Path) -> None:
    with pytest.raises(InvalidPattern):
        select(plain, include=[pattern])


def test_a_pattern_that_matches_nothing_has_close_names(plain: Path) -> None:
    for pattern, close in (("scr/**", "src"), ("READ.md", "README.md"), ("src/deap/**", "src/deep")):
        with pytest.raises(NothingSelected) as caught:
            select(plain, include=["a.c", pattern])
        assert repr(pattern) in caught.value.message
        assert close in str(caught.value.hint)


def test_patterns_that_leave_nothing_are_refused(plain: Path, tmp_path: Path) -> None:
    with pytest.raises(NothingSelected, match="nothing of"):
        select(plain, exclude=["**"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(NothingSelected):
        select(tmp_path / "empty")


def test_a_directory_that_may_not_be_read_is_an_error(plain: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from hermetica.fetch import select, UnreadableSource\n"
        "os.setuid(12345)\n"
        "try: select(Path(sys.argv[1]))\n"
        "except UnreadableSource as error: print(error.code)\n"
    )
    if os.getuid() != 0:
        (plain / "src").chmod(0)
        with pytest.raises(UnreadableSource):
            select(plain)
        (plain / "src").chmod(0o755)
        return
    import sys

    place = plain.parent
    while place != place.parent and str(place) != "/tmp":  # noqa: S108 -- where it begins
        place.chmod(place.stat().st_mode | 0o055)
        place = place.parent
    (plain / "src").chmod(0)
    ended = subprocess.run([sys.executable, "-c", script, str(plain)], capture_output=True, text=True, check=False)
    assert ended.stdout == "HM216\n", ended.stderr


def test_files_are_ascending_by_bytes(tmp_path: Path) -> None:
    root = with_files(tmp_path / "r", "Z", "a", "a-b", "a.b", "ä", "z/y")
    assert list(select(root).files) == sorted(select(root).files, key=os.fsencode)


def test_special_files_are_no_part_of_a_source(plain: Path) -> None:
    os.mkfifo(plain / "pipe")
    assert "pipe" not in select(plain).files


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("*.c", ["a.c", ".c"], ["src/a.c", "a.cc"]),
        ("**/*.c", ["a.c", "x/a.c", "x/y/a.c"], ["a.h"]),
        ("src/**", ["src/a", "src/x/a"], ["src", "srcs/a"]),
        ("src", ["src", "src/a", "src/x/a"], ["srcs", "x/src"]),
        ("src/", ["src/a"], ["srcs"]),
        ("./src//a", ["src/a"], ["src/b"]),
        ("**/test/**", ["test/a", "x/test/y/a"], ["tests/a", "test"]),
        ("a?c", ["abc"], ["ac", "a/c"]),
        ("[ab].c", ["a.c", "b.c"], ["c.c"]),
        ("[!ab].c", ["c.c"], ["a.c", "/.c"]),
        ("[a-c]", ["b"], ["d"]),
        ("[", ["["], ["x"]),
        ("[]]", ["]"], ["["]),
        ("**", ["a", "a/b"], []),
        (".", ["a", "a/b"], []),
        ("a+(b)|c$", ["a+(b)|c$"], ["aab"]),
        ("a*b*c", ["abc", "axbxc"], ["ab/c"]),
    ],
)
def test_patterns_match_as_written(pattern: str, matching: list[str], other: list[str]) -> None:
    patterns = Patterns((pattern,))
    assert [path for path in matching if patterns.match(path) is None] == []
    assert [path for path in other if patterns.match(path) is not None] == []


GLOBS = st.text("ab*?.", min_size=1, max_size=8).filter(lambda text: "**" not in text and bool(text.strip(".")))


@given(GLOBS, st.text("ab.", min_size=1, max_size=6))
def test_within_a_part_patterns_are_those_of_fnmatch(pattern: str, name: str) -> None:
    assert (Patterns((pattern,)).match(name) is not None) == fnmatch.fnmatchcase(name, pattern)
