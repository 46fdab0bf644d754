"""Verification finds every kind of damage and names the file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import attrs
import pytest

from hermetica_store import NotRegistered, ObjectStore, Row, StorePath, Table
from hermetica_store.schema import LEASES, MANIFESTS, OBJECTS, OWNED, REFERRERS, ROOTS
from tests.store.processes import add, settle, tree_candidate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hermetica_store.transaction import Transaction


@pytest.fixture
def damaged(object_store: ObjectStore) -> Path:
    """A whole object's place, open for damage."""
    with object_store.scratch() as scratch, object_store.lease() as lease:
        (prepared,) = object_store.prepare([tree_candidate(scratch.path)])
        object_store.publish([prepared], lease=lease).wait()
    assert object_store.verify().problems == ()
    place = object_store.on_disk(prepared.path)
    for directory in (place, place / "bin"):
        directory.chmod(0o755)
    return place


def seal(place: Path) -> None:
    """Give directories back their canonical mode and time, so that only the damage shows."""
    for directory in (place / "bin", place):
        if directory.is_dir():
            os.utime(directory, ns=(10**9, 10**9))
            directory.chmod(0o555)


def rewrite(path: Path, data: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(data)
    path.chmod(0o444)
    os.utime(path, ns=(10**9, 10**9))


def add_file(place: Path) -> None:
    (place / "bin" / "new").write_text("new")
    (place / "bin" / "new").chmod(0o444)
    os.utime(place / "bin" / "new", ns=(10**9, 10**9))


def change_link(place: Path) -> None:
    (place / "link").unlink()
    (place / "link").symlink_to("bin/tooL")
    os.utime(place / "link", ns=(10**9, 10**9), follow_symlinks=False)


def change_kind(place: Path) -> None:
    (place / "empty").rmdir()
    rewrite_new(place / "empty", b"")


def rewrite_new(path: Path, data: bytes) -> None:
    path.touch()
    rewrite(path, data)


def make_fifo(place: Path) -> None:
    os.mkfifo(place / "fifo")


def change_bytes(place: Path) -> None:
    rewrite(place / "data", bytes(range(255, -1, -1)))


def delete_file(place: Path) -> None:
    (place / "bin" / "tool").unlink()


def drop_executable_bit(place: Path) -> None:
    (place / "bin" / "tool").chmod(0o444)


def make_writable(place: Path) -> None:
    (place / "data").chmod(0o644)


def touch(place: Path) -> None:
    os.utime(place / "data")


def touch_link(place: Path) -> None:
    os.utime(place / "link", follow_symlinks=False)


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (add_file, [("added", "bin/new")]),
        (change_bytes, [("changed", "data")]),
        (delete_file, [("missing", "bin/tool")]),
        (change_link, [("changed", "link")]),
        (change_kind, [("changed", "empty")]),
        (make_fifo, [("irregular", "fifo")]),
        (drop_executable_bit, [("changed", "bin/tool")]),
        (make_writable, [("irregular", "data")]),
        (touch, [("irregular", "data")]),
        (touch_link, [("irregular", "link")]),
    ],
)
def test_each_kind_of_damage_is_named(
    object_store: ObjectStore, damaged: Path, damage: Callable[[Path], None], expected: list[tuple[str, str]]
) -> None:
    damage(damaged)
    seal(damaged)
    for report in (object_store.verify(), object_store.verify(object_store.paths())):
        assert [(problem.kind, problem.file) for problem in report.problems] == expected
        assert report.damaged == tuple(object_store.paths())
        assert report.checked == 1
    assert all(problem.detail for problem in object_store.verify().problems)


def test_an_object_that_is_gone_is_named_whole(object_store: ObjectStore, damaged: Path) -> None:
    damaged.rename(object_store.root / "elsewhere")
    assert [(problem.kind, problem.file) for problem in object_store.verify().problems] == [("missing", "")]


def test_an_object_that_became_a_file_is_named(object_store: ObjectStore, damaged: Path) -> None:
    damaged.rename(object_store.root / "elsewhere")
    rewrite_new(damaged, b"a file")
    assert [(problem.kind, problem.file) for problem in object_store.verify().problems] == [
        ("changed", ""),
        ("missing", "bin"),
        ("missing", "data"),
        ("missing", "empty"),
        ("missing", "link"),
    ]


def test_without_a_manifest_damage_is_found_all_the_same(object_store: ObjectStore, damaged: Path) -> None:
    base = damaged.name.encode()
    write(object_store, lambda tx: tx.put(MANIFESTS, base, b"\x09nonsense"))
    rewrite(damaged / "data", b"other")
    seal(damaged)
    (problem,) = object_store.verify().problems
    assert (problem.kind, problem.file) == ("changed", "")
    assert "expected tree" in problem.detail


def test_only_what_is_asked_for_is_read(object_store: ObjectStore, damaged: Path) -> None:
    with object_store.lease() as lease:
        whole = add(object_store, lease, "whole")
        settle(object_store)
        (damaged / "data").unlink()
        assert object_store.verify([whole]).problems == ()
    with pytest.raises(NotRegistered):
        object_store.verify([StorePath(whole.digest, "other")])


def test_what_is_being_published_is_no_leftover(object_store: ObjectStore) -> None:
    with object_store.lease() as lease:
        for number in range(50):
            add(object_store, lease, f"{number}")
            assert object_store.verify([]).problems == ()
        assert object_store.verify().problems == ()


def write(store: ObjectStore, work: Callable[[Transaction], object]) -> None:
    store._shared.index.write(work)  # pyright: ignore[reportPrivateUsage] -- damage comes from outside


ABSENT = b"hx" + b"0" * 30 + b"-absent"


@attrs.frozen
class Damaging:
    """Damages an index in which ``app`` refers to ``library`` and owns a row."""

    tx: Transaction
    app: bytes
    library: bytes

    def unsay_a_reference(self) -> None:
        self.tx.delete(REFERRERS, self.library, self.app)

    def invent_a_reference(self) -> None:
        self.tx.put(REFERRERS, self.app, self.library)

    def forget_a_reference(self) -> None:
        self.tx.delete(OBJECTS, self.library)

    def invent_an_owner(self) -> None:
        self.tx.put(OWNED, self.library, b"tk")

    def forget_an_owner(self) -> None:
        self.tx.delete(OWNED, self.app)

    def lease_nothing(self) -> None:
        self.tx.put(LEASES, bytes(8) + ABSENT, b"1")

    def root_nothing(self) -> None:
        self.tx.put(ROOTS, b"r", b"\x01\x27" + ABSENT + b"\0")

    def garble_a_root(self) -> None:
        self.tx.put(ROOTS, b"r", b"\x09")

    def garble_an_object(self) -> None:
        self.tx.put(OBJECTS, self.app, b"\x09")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (Damaging.unsay_a_reference, "does not say so"),
        (Damaging.invent_a_reference, "the index says that"),
        (Damaging.forget_a_reference, "which is not there"),
        (Damaging.invent_an_owner, "does not own the row"),
        (Damaging.forget_an_owner, "would outlive it"),
        (Damaging.lease_nothing, "held by a lease"),
        (Damaging.root_nothing, "the root r names it"),
        (Damaging.garble_a_root, "damaged root row"),
        (Damaging.garble_an_object, "damaged object row"),
    ],
)
def test_an_index_that_contradicts_itself_is_found(
    object_store: ObjectStore, damage: Callable[[Damaging], None], words: str
) -> None:
    with object_store.lease() as lease:
        library = add(object_store, lease, "library")
        app = add(object_store, lease, "app", "app", library, rows=())
        object_store.put([Row(Table.TRACE, b"k", b"v", app)]).wait()
        assert object_store.verify().problems == ()
        write(object_store, lambda tx: damage(Damaging(tx, app.base.encode(), library.base.encode())))
        problems = [problem for problem in object_store.verify().problems if words in problem.detail]
        assert problems
        assert {problem.kind for problem in problems} == {"index"}


def test_the_absent_object_of_these_tests_has_a_valid_name() -> None:
    assert StorePath.parse_base(ABSENT.decode()).name == "absent"
    assert len(ABSENT) == 0x27
