"""A store over others: what is below is there, is never written, and what is above may refer to it."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from hermetica_store import (
    Candidate,
    InLowerStore,
    LowerUnavailable,
    NotRegistered,
    ObjectStore,
    Policy,
    Row,
    StoreUnavailable,
    Table,
)
from tests.store.processes import add, finish, heard, names, settle, start
from tests.store.test_collect import build_rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hermetica_store import StorePath


def contents(root: Path) -> dict[str, bytes]:
    """The bytes of a store's index and logs, and the names of its objects."""
    files = {name: (root / name).read_bytes() for name in ("index/data.mdb", "locks")}
    return {**files, **{f"store/{name}": b"" for name in names(root / "store")}}


class Team:
    """A lower store with a library, an app that mentions it, rows about them, and a log."""

    def __init__(self, root: Path) -> None:
        self.root = root
        with ObjectStore.open(root) as store, store.lease() as lease:
            self.library = add(store, lease, "library", "library")
            self.app = add(store, lease, "app", "app", self.library)
            store.put([*build_rows(self.app, b"\x01", self.library), Row(Table.ATTRIBUTES, b"shared", b"below")])
            store.write_log("01", b"said below")
            store.add_root("team", self.app)
            settle(store)
        self.before = contents(root)


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    made = Team(tmp_path / "team")
    yield made
    if (made.root / "index").exists():
        assert contents(made.root) == made.before, "a lower store is never written"


@pytest.fixture
def upper(team: Team, tmp_path: Path) -> Iterator[ObjectStore]:
    with ObjectStore.open(tmp_path / "mine", lower=[team.root]) as store:
        yield store


def own(store: ObjectStore, team: Team) -> StorePath:
    """An object of the upper store that mentions one below."""
    with store.lease() as lease:
        path = add(store, lease, "own", "own", team.app, rows=[])
        store.put([*build_rows(path, b"\x02", team.library), Row(Table.ATTRIBUTES, b"shared", b"above")])
        store.write_log("02", b"said above")
        settle(store)
    return path


def test_questions_are_answered_across_stores(upper: ObjectStore, team: Team) -> None:
    path = own(upper, team)
    assert set(upper.paths()) == {path, team.app, team.library}
    assert upper.closure([path]) == tuple(sorted([path, team.app, team.library]))
    assert upper.references(path) == (team.app,)
    assert upper.references(team.app) == (team.library,)
    assert upper.referrers(team.app) == (path,)
    assert upper.referrers(team.library) == (team.app,)
    assert upper.find(team.library.digest[:12]) == (team.library,)
    assert [upper.has(each) for each in (path, team.app, team.library)] == [True] * 3
    assert upper.on_disk(path).parent == upper.root / "store"
    assert upper.on_disk(team.app).parent == team.root / "store"
    assert upper.nar(team.app).size_bytes > 0
    assert upper.read_log("01") == b"said below"
    assert upper.read_log("02") == b"said above"
    assert upper.get(Table.TRACE, b"r\x01") == team.app.base.encode()
    assert upper.get_many(Table.RECORDS, [b"\x01", b"\x02", b"\x03"]) == [b"{}", b"{}", None]
    assert upper.first_many(Table.ATTRIBUTES, [b"sh", b"x"]) == [b"above", None]
    assert upper.first_many(Table.TRACE, [b"r\x01"]) == [team.app.base.encode()]
    assert [key for key, _ in upper.items(Table.TRACE, b"r")] == [b"r\x01", b"r\x02"]
    assert dict(upper.items(Table.ATTRIBUTES)) == {b"shared": b"above"}
    assert upper.lower == (team.root,)
    assert upper.verify().problems == ()
    assert upper.verify([path, team.app]).checked == 2
    assert [each.path for each in upper.usage([team.app]).objects] == [team.app]


def test_what_is_below_is_not_stored_again(upper: ObjectStore, team: Team, tmp_path: Path) -> None:
    (tmp_path / "library").write_text("library")
    with upper.lease() as lease:
        assert add(upper, lease, "library", "library") == team.library
        assert upper.add_tree(tmp_path / "library", "library", lease=lease) == team.library
        assert upper.add_tree(tmp_path / "library", "library", lease=lease, expected=team.library) == team.library
        with upper.scratch() as scratch:
            tree = scratch.path / "app"
            tree.write_text(f"app\n{team.library}")
            (prepared,) = upper.prepare([Candidate(tree=tree, name="app", check_writers=False)], [team.library])
            upper.publish([prepared], lease=lease, rows=build_rows(team.app, b"\x07")).wait()
        assert lease.hold([team.app, team.library]) == {team.app, team.library}
    assert prepared.path == team.app
    assert names(upper.root / "store") == []
    assert upper.get(Table.TRACE, b"r\x07") == team.app.base.encode()
    assert upper.verify().problems == ()


def test_a_collection_above_takes_nothing_below_and_keeps_rows_about_it(upper: ObjectStore, team: Team) -> None:
    path = own(upper, team)
    upper.put([Row(Table.TRACE, b"r\x09", team.app.base.encode(), team.app)]).wait()
    upper.add_root("theirs", team.app)
    dry = upper.collect(dry_run=True)
    assert dry.paths == (path,)
    assert upper.collect(Policy(keep_outputs=True)).paths == (path,)
    assert upper.collect().paths == ()
    assert upper.has(team.app)
    assert upper.get(Table.TRACE, b"r\x09") == team.app.base.encode()
    assert upper.get(Table.TRACE, b"r\x02") is None
    assert [root.path for root in upper.roots()] == [team.app]
    assert upper.verify().problems == ()
    with pytest.raises(InLowerStore) as raised:
        upper.delete([team.app])
    assert str(team.root) in (raised.value.hint or "")


def test_a_link_to_an_object_below_is_a_root_while_it_is_there(upper: ObjectStore, team: Team, tmp_path: Path) -> None:
    link = tmp_path / "result"
    link.symlink_to(upper.on_disk(team.app))
    upper.add_root("link", team.app, link=link)
    assert [root.is_stale for root in upper.roots()] == [False]
    link.unlink()
    assert [root.is_stale for root in upper.roots()] == [True]
    assert upper.collect().roots == ("link",)


def test_an_object_that_vanished_below_is_named_with_what_needs_it(upper: ObjectStore, team: Team) -> None:
    path = own(upper, team)
    upper.close()
    with ObjectStore.open(team.root) as lower:
        lower.remove_root("team")
        assert set(lower.collect().paths) == {team.app, team.library}
    team.before = contents(team.root)
    with ObjectStore.open(upper.root, lower=[team.root]) as store:
        assert not store.has(team.app)
        ours = [problem for problem in store.verify().problems if "refers" in problem.detail]
        assert [problem.path for problem in ours] == [path]
        assert str(team.app) in ours[0].detail or team.app.base in ours[0].detail
        assert "nor in a lower store" in ours[0].detail
        with pytest.raises(NotRegistered) as raised:
            store.closure([path])
        assert raised.value.path == team.app
        assert ("needed by", str(path)) in raised.value.details
        assert raised.value.hint
        with store.lease() as lease:  # built again, it is ours
            library = add(store, lease, "library", "library")
            assert add(store, lease, "app", "app", library) == team.app
            settle(store)
        assert store.closure([path]) == tuple(sorted([path, team.app, team.library]))
        assert store.verify().problems == ()
        assert store.on_disk(team.app).parent == store.root / "store"
        assert store.delete([path, team.app, team.library]).paths[0] == path
        store.collect()
        assert store.verify().problems == ()


def test_files_that_vanished_below_are_named(upper: ObjectStore, team: Team) -> None:
    own(upper, team)
    upper.on_disk(team.app).unlink()
    team.before = contents(team.root)
    assert [(problem.kind, problem.path) for problem in upper.verify().problems] == [("missing", team.app)]
    assert [each.path for each in upper.repair().unrepaired] == [team.app]
    with pytest.raises(InLowerStore):
        upper.repair([team.app])


def test_a_store_without_the_one_below_says_where_what_it_misses_was(upper: ObjectStore, team: Team) -> None:
    path = own(upper, team)
    upper.close()
    with ObjectStore.open(upper.root) as store:
        details = [problem.detail for problem in store.verify().problems if problem.path == path]
        assert any(str(team.root) in detail for detail in details)
        assert store.has(path)
        assert not store.has(team.app)


def test_a_store_below_that_cannot_be_read_is_named(team: Team, tmp_path: Path) -> None:
    with pytest.raises(LowerUnavailable) as raised:
        ObjectStore.open(tmp_path / "mine", lower=[team.root, tmp_path / "nothing"])
    assert str(tmp_path / "nothing") in raised.value.message
    assert raised.value.hint
    with ObjectStore.open(tmp_path / "mine", lower=[team.root, team.root, tmp_path / "mine"]) as store:
        assert store.lower == (team.root,)


def test_several_openings_of_a_store_lie_over_the_same(team: Team, tmp_path: Path) -> None:
    Team(tmp_path / "other")
    first = ObjectStore.open(tmp_path / "mine")
    second = ObjectStore.open(tmp_path / "mine", lower=[team.root])
    third = ObjectStore.open(tmp_path / "mine", lower=[team.root])
    with pytest.raises(StoreUnavailable):
        ObjectStore.open(tmp_path / "mine", lower=[tmp_path / "other"])
    second.close()
    assert third.has(team.app)
    third.close()
    first.close()
    with ObjectStore.open(tmp_path / "mine", lower=[tmp_path / "other"]) as fourth:
        assert fourth.has(team.app)


def test_several_stores_below_are_asked_in_order(team: Team, tmp_path: Path) -> None:
    with ObjectStore.open(tmp_path / "site", lower=[team.root]) as site:
        path = own(site, team)
    with ObjectStore.open(tmp_path / "mine", lower=[tmp_path / "site", team.root]) as store:
        assert store.closure([path]) == tuple(sorted([path, team.app, team.library]))
        assert store.get(Table.ATTRIBUTES, b"shared") == b"above"
        assert store.on_disk(path).parent == tmp_path / "site" / "store"


def test_the_variable_names_the_stores_below(team: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HERMETICA_LOWER", f"{team.root}:{tmp_path / 'mine'}")
    with ObjectStore.open(tmp_path / "mine") as store:
        assert store.lower == (team.root,)
    with ObjectStore.open(tmp_path / "mine", lower=[]) as store:
        assert store.lower == ()


def test_a_store_below_may_belong_to_another_user_and_be_in_use(team: Team, tmp_path: Path) -> None:
    shutil.copytree(team.root, tmp_path / "copy", symlinks=True)
    process = start(tmp_path / "copy", "say('open'); sys.stdin.readline()")
    assert heard(process) == "open"
    for path in [tmp_path / "copy", *(tmp_path / "copy").iterdir()]:
        os.utime(path)
    with ObjectStore.open(tmp_path / "mine", lower=[tmp_path / "copy"]) as store:
        assert store.closure([team.app]) == tuple(sorted([team.app, team.library]))
    finish(process, "\n")
