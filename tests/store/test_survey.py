"""Reading a tree gives what preparing it gave, and changes nothing."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given

from hermetica_store.content import Content, File, Folder, Link, tree_digest
from hermetica_store.prepare import Candidate, prepare
from hermetica_store.reading import SpecialFile, TreeError
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
        assert _described(found) == _described(prepared.content)
        assert tree_digest(found) == prepared.tree
        remove_tree(path)


def test_a_survey_changes_nothing(tmp_path: Path) -> None:
    root = trees.write(
        {"d": {"f": trees.File(b"x")}, "l": trees.Link("/hermetica/store/" + TOKEN + "-a")}, tmp_path / "t"
    )
    before = [(path, path.lstat().st_mode, path.lstat().st_ctime_ns) for path in trees.walk(root)]
    survey(root)
    assert [(path, path.lstat().st_mode, path.lstat().st_ctime_ns) for path in trees.walk(root)] == before


def test_a_survey_says_where_a_digest_stands(tmp_path: Path) -> None:
    tree: Tree = {
        "a": {"f": trees.File(b"12" + TOKEN.encode())},
        "b": {"l": trees.Link(TOKEN)},
        "c": {TOKEN: trees.File(b"")},
        "d": {},
    }
    content = survey(trees.write(tree, tmp_path / "t"), [TOKEN])
    assert isinstance(content.root, Folder)
    assert content.root.folders[b"a"].files[b"f"].held == ((2, TOKEN.encode()),)
    assert {name for name, folder in content.root.folders.items() if folder.touched} == {b"a", b"b", b"c"}
    assert content.root.touched


def test_names_of_any_bytes_are_read_and_special_or_missing_ones_are_errors(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff")).touch()
    assert b"\xff" in dict(survey(tmp_path).entries())
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(SpecialFile, match="fifo"):
        survey(tmp_path)
    with pytest.raises(TreeError, match="gone"):
        survey(tmp_path / "gone")
