"""Trees become objects: canonical, scanned, named by content, and rewritten."""

from __future__ import annotations

import json
import os
import socket
import stat
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings

from hermetica_store.digest import Digest
from hermetica_store.errors import InvalidStorePath
from hermetica_store.path import StorePath, store_path
from hermetica_store.prepare import Candidate, OutputCycle, Prepared, prepare
from hermetica_store.reading import LARGE_BYTES, SpecialFile, TreeChanged, TreeError
from hermetica_store.remove import remove_tree
from hermetica_store.tree import UnrepresentableName
from hermetica_store.trees import hash_tree
from tests.store import trees
from tests.store.trees import TREES, File, Link, Tree

SCRATCH, OTHER = "hx" + "1" * 30, "hx" + "2" * 30
ZLIB = StorePath("hx" + "3" * 30, "zlib-1.3")
CURL = StorePath("hx" + "4" * 30, "curl-8")
TOKEN = "@" * 8  # stands for the own digest in descriptions


def _prepare(tree: Tree, directory: Path, scratch: str = SCRATCH, *references: StorePath) -> Prepared:
    path = trees.write(trees.replace(tree, TOKEN, scratch), directory / f"{scratch}-thing")
    (prepared,) = prepare([Candidate(tree=path, name="thing", scratch_digest=scratch)], references)
    return prepared


def _with_tokens(tree: Tree) -> Tree:
    """A tree that mentions itself in names, bytes and targets."""
    mention = f"/hermetica/store/{TOKEN}-thing"
    return {
        "tree": tree,
        "script": File(f"#!{mention}/bin/sh\n{mention}{TOKEN}".encode(), executable=True),
        f"name-{TOKEN}": {"inner": File(b"x"), f"{TOKEN}": Link(f"{mention}/script")},
    }


@given(TREES)
def test_the_path_does_not_depend_on_the_scratch_digest_and_the_tree_is_its_own_fixpoint(tree: Tree) -> None:
    with tempfile.TemporaryDirectory() as name:
        one = _prepare(_with_tokens(tree), Path(name))
        two = _prepare(_with_tokens(tree), Path(name), OTHER)
        assert (one.path, one.tree, one.modulo) == (two.path, two.tree, two.modulo)
        assert one.tree != one.modulo
        assert one.references == (one.path,)
        assert hash_tree(one.tree_on_disk).tree == one.tree
        final = trees.read(one.tree_on_disk)
        remove_tree(two.tree_on_disk)
        again = trees.write(final, Path(name) / "again")
        (fixed,) = prepare([Candidate(tree=again, name="thing", scratch_digest=one.path.digest)])
        assert (fixed.path, fixed.tree, fixed.modulo) == (one.path, one.tree, one.modulo)
        assert trees.read(again) == final
        remove_tree(one.tree_on_disk)
        remove_tree(again)


@given(TREES)
def test_preparing_keeps_what_counts_and_agrees_with_hashing(tree: Tree) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = trees.write(tree, Path(name) / "tree")
        before = hash_tree(path)
        (prepared,) = prepare([Candidate(tree=path, name="t")])
        assert prepared.tree == prepared.modulo == before.tree == hash_tree(path).tree
        assert prepared.path == store_path("t", before.tree)
        assert (prepared.size_bytes, prepared.file_count) == (before.size_bytes, before.file_count)
        assert trees.read(path) == tree
        remove_tree(path)


@given(TREES)
def test_preparing_a_canonical_tree_again_changes_nothing(tree: Tree) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = trees.write(tree, Path(name) / "tree")
        candidate = Candidate(tree=path, name="t")
        assert prepare([candidate]) == prepare([candidate])
        remove_tree(path)


def test_zeroed_mentions_do_not_collide_with_real_ones(tmp_path: Path) -> None:
    real = _prepare({"f": File(TOKEN.encode() + b" end")}, tmp_path)
    zeroed = _prepare({"f": File(bytes(32) + b" end")}, tmp_path, OTHER)
    assert real.path != zeroed.path
    assert real.modulo != zeroed.modulo


def test_mentions_that_straddle_chunks_of_a_large_file_are_rewritten(tmp_path: Path) -> None:
    data = bytearray(LARGE_BYTES + 100)
    for offset in ((1 << 20) - 5, (1 << 21), LARGE_BYTES + 60):
        data[offset : offset + 32] = SCRATCH.encode()
    prepared = _prepare({"large": File(bytes(data))}, tmp_path)
    written = (prepared.tree_on_disk / "large").read_bytes()
    assert written == bytes(data).replace(SCRATCH.encode(), prepared.path.digest.encode())
    assert hash_tree(prepared.tree_on_disk).tree == prepared.tree


@pytest.mark.parametrize(
    "tree", [File(TOKEN.encode()), Link(f"/hermetica/store/{TOKEN}-thing/x")], ids=["file", "link"]
)
def test_a_lone_file_or_link_may_mention_itself(tree: Tree, tmp_path: Path) -> None:
    one, two = _prepare(tree, tmp_path), _prepare(tree, tmp_path, OTHER)
    assert one.path == two.path
    assert one.references == (one.path,)
    assert trees.read(one.tree_on_disk) == trees.read(two.tree_on_disk)
    assert hash_tree(one.tree_on_disk).tree == one.tree


def test_references_are_the_given_objects_that_it_mentions(tmp_path: Path) -> None:
    prepared = _prepare({"a": File(f"x{ZLIB.digest}y".encode())}, tmp_path, SCRATCH, CURL, ZLIB)
    assert prepared.references == (ZLIB,)
    assert prepared.path == store_path("thing", prepared.tree, [ZLIB])


def test_references_count_in_names_targets_and_bytes(tmp_path: Path) -> None:
    by_name = _prepare({ZLIB.base: File(b"")}, tmp_path, SCRATCH, ZLIB)
    by_link = _prepare({"lib": {"z": Link(f"{ZLIB}/lib/z")}}, tmp_path, OTHER, ZLIB)
    assert by_name.references == by_link.references == (ZLIB,)
    assert os.fspath((by_link.tree_on_disk / "lib" / "z").readlink()) == f"../../{ZLIB.base}/lib/z"


def test_objects_that_were_not_given_do_not_count(tmp_path: Path) -> None:
    assert _prepare({"a": File(str(ZLIB).encode())}, tmp_path).references == ()


def test_discarding_references_leaves_none_and_still_hides_the_scratch_digest(tmp_path: Path) -> None:
    tree = trees.write({"a": File(f"{ZLIB} {SCRATCH}".encode())}, tmp_path / "t")
    candidate = Candidate(tree=tree, name="t", scratch_digest=SCRATCH, discard_references=True)
    (prepared,) = prepare([candidate], [ZLIB])
    assert prepared.references == ()
    assert (tree / "a").read_text() == f"{ZLIB} {prepared.path.digest}"
    assert prepared.path == store_path("t", prepared.modulo)


def _pair(directory: Path, out: Tree, dev: Tree, scratch: tuple[str, str] = (SCRATCH, OTHER)) -> list[Candidate]:
    directory.mkdir()
    return [
        Candidate(tree=trees.write(tree, directory / output), name=f"p-{output}", scratch_digest=digest, output=output)
        for output, tree, digest in zip(("out", "dev"), (out, dev), scratch, strict=True)
    ]


def test_outputs_that_mention_each_other_one_way_are_named_in_order(tmp_path: Path) -> None:
    def outputs(directory: str, own: str, other: str) -> tuple[Prepared, ...]:
        out: Tree = {"bin": File(f"{other} {own}".encode()), f"x-{other}": Link(f"/hermetica/store/{other}-p-dev/h")}
        return prepare(_pair(tmp_path / directory, out, {"h": File(b"h")}, (own, other)))

    out, dev = outputs("one", SCRATCH, OTHER)
    assert (out.output, dev.output) == ("out", "dev")
    assert out.references == tuple(sorted([out.path, dev.path]))
    assert trees.read(out.tree_on_disk) == {
        "bin": File(f"{dev.path.digest} {out.path.digest}".encode()),
        f"x-{dev.path.digest}": Link(f"../{dev.path.base}/h"),
    }
    assert [each.path for each in outputs("two", OTHER, SCRATCH)] == [out.path, dev.path]
    assert hash_tree(out.tree_on_disk).tree == out.tree


def test_outputs_in_a_circle_are_refused_by_name(tmp_path: Path) -> None:
    pair = _pair(tmp_path / "d", {"a": File(OTHER.encode())}, {"a": File(SCRATCH.encode())})
    with pytest.raises(OutputCycle, match=r"(out -> dev -> out|dev -> out -> dev)"):
        prepare(pair)


def test_equal_scratch_digests_are_refused(tmp_path: Path) -> None:
    pair = _pair(tmp_path / "d", File(b""), File(b""), (SCRATCH, SCRATCH))
    with pytest.raises(ValueError, match="differ"):
        prepare(pair)


def test_a_name_that_no_path_may_carry_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidStorePath):
        prepare([Candidate(tree=trees.write(File(b""), tmp_path / "x"), name="a b")])


def test_modes_and_times_become_canonical(tmp_path: Path) -> None:
    root = trees.write({"d": {"f": File(b""), "x": File(b"")}, "l": Link("d")}, tmp_path / "t")
    (root / "d" / "f").chmod(0o600)
    (root / "d" / "x").chmod(0o4711)
    (root / "d").chmod(0o2777)
    prepare([Candidate(tree=root, name="t")])
    modes = {path.name: stat.S_IMODE(path.lstat().st_mode) for path in trees.walk(root) if not path.is_symlink()}
    assert modes == {"t": 0o555, "d": 0o555, "f": 0o444, "x": 0o555}
    assert {path.lstat().st_mtime_ns for path in trees.walk(root)} == {10**9}


def test_times_stay_canonical_where_digests_were_rewritten(tmp_path: Path) -> None:
    prepared = _prepare(_with_tokens(File(b"")), tmp_path)
    everything = trees.walk(prepared.tree_on_disk)
    assert {path.lstat().st_mtime_ns for path in everything} == {10**9}
    assert {stat.S_IMODE(path.lstat().st_mode) for path in everything if not path.is_symlink()} == {0o444, 0o555}


def test_closed_and_readonly_directories_and_files_are_taken(tmp_path: Path) -> None:
    root = trees.write({"closed": {"f": File(b"1")}, "ro": {"g": File(b"2"), "l": Link(str(ZLIB))}}, tmp_path / "t")
    (root / "closed" / "f").chmod(0)
    (root / "ro").chmod(0o555)
    (root / "closed").chmod(0)
    root.chmod(0)
    prepare([Candidate(tree=root, name="t")])
    assert trees.read(root) == {
        "closed": {"f": File(b"1")},
        "ro": {"g": File(b"2"), "l": Link(f"../../{ZLIB.base}")},
    }


def test_extended_attributes_go(tmp_path: Path) -> None:
    root = trees.write({"f": File(b"")}, tmp_path / "t")
    for path in (root, root / "f"):
        try:
            os.setxattr(path, "user.note", b"x")
        except OSError:
            pytest.skip("the file system keeps no user attributes")
    prepare([Candidate(tree=root, name="t")])
    assert [os.listxattr(path) for path in (root, root / "f")] == [[], []]


@pytest.mark.parametrize("kind", ["fifo", "socket"])
@pytest.mark.parametrize("where", ["tree/d/special", "tree"])
def test_special_files_are_refused_by_path(
    kind: str, where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / where
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "fifo":
        os.mkfifo(path)
    else:
        monkeypatch.chdir(path.parent)
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    with pytest.raises(SpecialFile, match=f"{path} is a {kind}"):
        prepare([Candidate(tree=tmp_path / "tree", name="t")])
    with pytest.raises(SpecialFile, match=f"{path} is a {kind}"):
        hash_tree(tmp_path / "tree")


def test_hard_links_inside_a_tree_stay(tmp_path: Path) -> None:
    root = trees.write({"a": File(SCRATCH.encode()), "d": {}}, tmp_path / "t")
    (root / "d" / "b").hardlink_to(root / "a")
    (prepared,) = prepare([Candidate(tree=root, name="t", scratch_digest=SCRATCH)])
    assert (root / "a").stat().st_ino == (root / "d" / "b").stat().st_ino
    assert (root / "a").read_text() == prepared.path.digest
    assert hash_tree(root).tree == prepared.tree


def test_hard_links_that_lead_outside_are_cut(tmp_path: Path) -> None:
    root = trees.write({"a": File(b"data"), "d": {}}, tmp_path / "t")
    (root / "d" / "b").hardlink_to(root / "a")
    outside = tmp_path / "outside"
    outside.hardlink_to(root / "a")
    (prepared,) = prepare([Candidate(tree=root, name="t")])
    outside.write_bytes(b"changed")
    assert trees.read(root) == {"a": File(b"data"), "d": {"b": File(b"data")}}
    assert (root / "a").stat().st_ino == (root / "d" / "b").stat().st_ino
    assert stat.S_IMODE(outside.stat().st_mode) == 0o644
    assert {path.lstat().st_mtime_ns for path in trees.walk(root)} == {10**9}
    assert hash_tree(root).tree == prepared.tree


def test_a_lone_file_with_a_link_outside_is_cut(tmp_path: Path) -> None:
    file = trees.write(File(b"data", executable=True), tmp_path / "t")
    (tmp_path / "outside").hardlink_to(file)
    prepare([Candidate(tree=file, name="t")])
    (tmp_path / "outside").write_bytes(b"changed")
    assert trees.read(file) == File(b"data", executable=True)


@pytest.mark.parametrize("where", ["in a directory", "alone"])
def test_what_is_open_for_writing_elsewhere_is_copied(where: str, tmp_path: Path) -> None:
    inside = where == "in a directory"
    root = tmp_path / "t"
    trees.write({"f": File(b"data")} if inside else File(b"data"), root)
    file = root / "f" if inside else root
    with file.open("r+b") as smuggled:
        (prepared,) = prepare([Candidate(tree=root, name="t")])
        smuggled.write(b"EVIL")
    assert file.read_bytes() == b"data"
    assert hash_tree(root).tree == prepared.tree
    assert stat.S_IMODE(file.stat().st_mode) == 0o444
    assert not list(root.parent.glob("**/.hermetica-copy*"))


def test_without_the_check_an_open_file_is_not_copied(tmp_path: Path) -> None:
    file = trees.write(File(b"data"), tmp_path / "f")
    inode = file.stat().st_ino
    with file.open("r+b"):
        prepare([Candidate(tree=file, name="t", check_writers=False)])
    assert file.stat().st_ino == inode


@pytest.mark.parametrize("name", [b"caf\xe9", b"\xff"])
def test_a_name_that_is_not_utf8_is_refused(name: bytes, tmp_path: Path) -> None:
    root = tmp_path / "t"
    root.mkdir()
    Path(os.fsdecode(os.fsencode(root) + b"/" + name)).touch()
    for act in (lambda: prepare([Candidate(tree=root, name="t")]), lambda: hash_tree(root)):
        with pytest.raises(UnrepresentableName, match=r"t/.*\\x"):
            act()


def test_a_target_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "t"
    root.mkdir()
    (root / "link").symlink_to(os.fsdecode(b"\xff"))
    with pytest.raises(UnrepresentableName, match=r"target of the link is not UTF-8: .*/link"):
        prepare([Candidate(tree=root, name="t")])


def test_a_missing_tree_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(TreeError, match="gone"):
        prepare([Candidate(tree=tmp_path / "gone", name="t")])


def test_bytes_in_proc_that_contradict_their_size_count_as_changed() -> None:
    with pytest.raises(TreeChanged, match="/proc/self/status"):
        hash_tree(Path("/proc/self/status"))


DEPTH = 10_000


def _deep(directory: Path, leaf: str) -> Path:
    """A chain of directories far longer than any path may be."""
    root = directory / "deep"
    root.mkdir()
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    for _ in range(DEPTH):
        os.mkdir("d", dir_fd=fd)
        child = os.open("d", os.O_RDONLY | os.O_DIRECTORY, dir_fd=fd)
        os.close(fd)
        fd = child
    with os.fdopen(os.open(leaf, os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=fd), "wb") as file:
        file.write(leaf.encode())
    os.close(fd)
    return root


def test_a_tree_ten_thousand_deep_is_hashed_prepared_rewritten_and_removed(tmp_path: Path) -> None:
    root = _deep(tmp_path, SCRATCH)
    (prepared,) = prepare([Candidate(tree=root, name="t", scratch_digest=SCRATCH)])
    assert prepared.references == (prepared.path,)
    assert hash_tree(root).tree == prepared.tree
    remove_tree(root)
    assert not root.exists()


@settings(max_examples=25)
@given(TREES)
def test_content_lists_every_entry(tree: Tree) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = trees.write(tree, Path(name) / "tree")
        (prepared,) = prepare([Candidate(tree=path, name="t")])
        listed = {os.fsdecode(os.fsencode(path) + b"/" + below).rstrip("/") for below, _ in prepared.content.entries()}
        assert listed == {str(found) for found in trees.walk(path)}
        remove_tree(path)


def test_the_golden_object_that_mentions_itself_keeps_its_path(tmp_path: Path) -> None:
    """A change here changes every path of such an object: it needs a new format version."""
    golden = json.loads((Path(__file__).parent.parent / "golden" / "self_reference.json").read_text())
    for scratch in (SCRATCH, OTHER):
        root = tmp_path / scratch
        root.mkdir()
        for name, (kind, text, *executable) in golden["tree"].items():
            path, content = root / name.replace("@", scratch), text.replace("@", scratch)
            trees.write(File(content.encode(), executable[0]) if kind == "file" else Link(content), path)
        (prepared,) = prepare([Candidate(tree=root, name=golden["name"], scratch_digest=scratch)])
        assert prepared.modulo.hex == golden["modulo"] == Digest.of(bytes.fromhex(golden["modulo_message"])).hex
        assert prepared.path.base == golden["path"]
