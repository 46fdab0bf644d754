"""Reading a tree gives what preparing it gave, and changes nothing."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given

from hermetica_store.content import Content, File, Folder, Link, tree_digest
from hermetica_store.prepare import Candidate, prepare
from hermetica_store.reading import TreeError
from hermetica_store.remove import remove_tree
from hermetica_store.survey import survey
from tests.store import trees
from tests.store.trees import TREES, Tree

TOKEN = "hx" + "5" * 30


def _described(content: Content) -> dict[bytes, object]:
    def said(entry: File | Link | Folder) -> object:
        if isinstance(entry, File):
            return entry.digest, entry.size_bytes, entry.executable, entry.held
        return entry.target if isinstance(entry, Link) else "directory"

    return {path: said(entry) for path, entry in content.entries()}


@given(TREES)
def test_a_survey_agrees_with_what_was_prepared(tree: Tree) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = trees.write(tree, Path(name) / "tree")
        (prepared,) = prepare([Candidate(tree=path, name="t")])
        found = survey(path)
        assert _described(found.content) == _described(prepared.content)
        assert found.oddities == ()
        assert tree_digest(found.content) == prepared.tree
        remove_tree(path)


def test_a_survey_changes_nothing(tmp_path: Path) -> None:
    root = trees.write(
        {"d": {"f": trees.File(b"x")}, "l": trees.Link("/hermetica/store/" + TOKEN + "-a")}, tmp_path / "t"
    )
    before = [(path, path.lstat().st_mode, path.lstat().st_ctime_ns) for path in trees.walk(root)]
    survey(root)
    assert [(path, path.lstat().st_mode, path.lstat().st_ctime_ns) for path in trees.walk(root)] == before


def test_modes_times_and_kinds_that_are_not_canonical_are_named(tmp_path: Path) -> None:
    root = trees.write({"d": {"f": trees.File(b"x")}, "good": trees.File(b"")}, tmp_path / "t")
    prepare([Candidate(tree=root, name="t")])
    assert survey(root).oddities == ()
    (root / "d" / "f").chmod(0o644)
    os.utime(root / "good", ns=(0, 5))
    (root / "d").chmod(0o755)
    os.mkfifo(root / "d" / "fifo")
    os.utime(root / "d" / "fifo", ns=(0, 10**9))
    os.utime(root / "d", ns=(0, 10**9))
    assert dict(survey(root).oddities) == {
        b"d": "expected mode 0555, found 0755",
        b"d/f": "expected mode 0444, found 0644",
        b"d/fifo": "neither a file, a directory nor a link",
        b"good": "expected modification time 1000000000 ns, found 5 ns",
    }


def test_a_special_file_in_the_place_of_an_object_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert (b"", "neither a file, a directory nor a link") in survey(tmp_path / "fifo").oddities


def test_names_of_any_bytes_are_read_and_a_missing_tree_is_an_error(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff")).touch()
    assert b"\xff" in dict(survey(tmp_path).content.entries())
    with pytest.raises(TreeError, match="gone"):
        survey(tmp_path / "gone")
