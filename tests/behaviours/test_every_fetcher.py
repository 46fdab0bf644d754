"""B23-B26 for all that is fetched, each locked from a mirror on loopback; B27 is about local sources (test_content)."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

import hermetica as hm
from hermetica.config import Config
from hermetica.realize.errors import FetchFailed, FixedOutputMismatch
from tests.fetch.archives import tree
from tests.fetch.kinds import BULK, KINDS, Place, environ_of
from tests.fetch.servers import DEAD, Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.usefixtures("bare_environment"),
    pytest.mark.skipif(shutil.which("git") is None, reason="no git here"),
]


@pytest.fixture
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture(params=list(KINDS))
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    base = tmp_path / "project"
    base.mkdir()
    with Server() as server:
        for name, value in environ_of(server.url).items():
            monkeypatch.setenv(name, value)
        with KINDS[request.param](server, base) as made:
            assert made.kind == request.param
            yield made


def content(store: hm.Store, path: object) -> object:
    on_disk = store.on_disk(path)  # type: ignore[arg-type]  # a store path
    if on_disk.is_file():
        return on_disk.read_bytes()
    return {name.decode(): data for name, (kind, data) in tree(on_disk).items() if kind == "file"}


def test_b23_a_wrong_hash_tells_both_and_with_the_right_one_nothing_is_asked_again(
    store: hm.Store, place: Place
) -> None:
    wrong = "0" * len(place.hash)
    with pytest.raises(FixedOutputMismatch) as caught:
        store.realize(place.of(wrong, place.addresses))
    assert caught.value.expected == f"{place.algorithm} {wrong}"
    assert caught.value.got == f"{place.algorithm} {place.hash}"
    asked = place.asked()
    assert asked
    assert content(store, store.realize(place.fetch()).out) == place.content
    assert place.asked() == asked


def test_b24_what_is_fetched_equals_what_is_added_by_hand_and_refers_to_nothing(
    store: hm.Store, place: Place, tmp_path: Path
) -> None:
    fetch = place.fetch()
    realized = store.realize(fetch)
    by_hand = tmp_path / "by-hand"
    if isinstance(place.content, bytes):
        by_hand.write_bytes(place.content)
    else:
        by_hand.mkdir()
        for name, data in place.content.items():
            (by_hand / name).parent.mkdir(parents=True, exist_ok=True)
            (by_hand / name).write_bytes(data)
    with store.objects.lease() as lease:
        assert store.objects.add_tree(by_hand, fetch.name, lease=lease) == realized.out
    assert not store.objects.references(realized.out)


def test_b25_equal_fetches_download_once_and_a_dead_address_does_not_matter_then(store: hm.Store, place: Place) -> None:
    with hm.evaluation():
        fetches = [
            place.fetch(),
            place.fetch(),
            place.of(place.hash, (*place.addresses, DEAD + "/x")),
        ]
        assert store.realize_all(fetches, jobs=4).ok
    once = place.asked()
    with hm.Store.open(store.objects.root.parent / "another") as other:
        other.realize(place.fetch())
    assert place.asked() == 2 * once
    place.stop()
    assert store.realize(place.fetch()).outcome == "cached"
    dead = place.of(place.hash, (f"{DEAD}/{place.addresses[0].rpartition('/')[2]}",))
    assert store.realize(dead).outcome == "cached"


def test_b25_a_place_that_is_dead_says_so_by_every_address(store: hm.Store, place: Place) -> None:
    place.stop()
    with pytest.raises(FetchFailed) as caught:
        store.realize(place.of(place.hash, (*place.addresses, DEAD, "mirror://nobody/x")))
    told = str(caught.value)
    assert (DEAD if place.kind != "oci" else DEAD.replace("/file", "/v2/file/manifests/")) in told
    assert "mirror://nobody/x" in told
    assert len(caught.value.details) >= 3
    assert list(store.objects.paths()) == []


def test_b26_a_download_that_breaks_off_goes_on_or_begins_again(store: hm.Store, place: Place) -> None:
    place.interrupt(1)
    assert content(store, store.realize(place.fetch()).out) == place.content


def test_b26_of_a_download_that_never_ends_nothing_is_kept(store_root: Path, place: Place) -> None:
    config = Config.load({"HERMETICA_FETCH_RETRIES": "0", **_mirrors()})
    place.interrupt(1000)
    with hm.Store.open(store_root, config=config) as store:
        with pytest.raises(FetchFailed):
            store.realize(place.fetch())
        assert list(store.objects.paths()) == []
        assert list((store.objects.root / "tmp").iterdir()) == []
        place.interrupt(0)
        assert content(store, store.realize(place.fetch()).out) == place.content


def _mirrors() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("HERMETICA_MIRROR_")}


def test_what_is_pinned_unpacks_where_it_is_an_archive(store: hm.Store, place: Place) -> None:
    if place.kind in {"git", "go-mod", "oci", "nix"}:
        pytest.skip("no archive")
    with hm.evaluation():
        unpacked = store.realize(hm.unpack(place.fetch())).out
    found = tree(store.on_disk(unpacked))
    assert [data for kind, data in found.values() if kind == "file"] == [BULK]
