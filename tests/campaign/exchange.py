"""Exports and imports as workloads: archives and a binary cache beside the store, looked at by whoever comes next."""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import TYPE_CHECKING, Final

from hermetica_store import NotRegistered, ObjectStore
from hermetica_store.exchange import (
    CacheDirectory,
    Imported,
    export_archive,
    export_cache,
    import_archive,
    import_cache,
    replacing,
)
from tests.campaign.upkeep import DAMAGED
from tests.exchange.closures import fill

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hermetica_store import Lease, StorePath
    from tests.campaign.workloads import Place


def make_donation(outside: Path) -> None:
    """An archive and a cache with a closure that the store does not make itself."""
    donor = outside / "donor"
    with ObjectStore.open(donor) as store:
        closure = fill(store)
        with replacing(outside / "donated-archive") as file:
            export_archive(store, [closure.note, closure.apart], file)
        export_cache(store, [closure.note, closure.apart], outside / "donated-cache")
    shutil.rmtree(donor, ignore_errors=True)


def take_archive(place: Place) -> None:
    """Import an archive, part of which may be there."""
    with ObjectStore.open(place.root) as store, store.lease() as lease:
        _taken(place, store, _archive(place.outside / "donated-archive", store, lease))


def take_cache(place: Place) -> None:
    """Import from a cache."""
    with ObjectStore.open(place.root) as store, store.lease() as lease:
        _taken(place, store, import_cache(store, place.outside / "donated-cache", lease=lease))


def give_archive(place: Place) -> None:
    """Replace an archive; what is there under its name is always one that can be read."""
    file = place.outside / f"archive-{place.slot}"
    with ObjectStore.open(place.root) as store:
        if file.exists():
            with store.lease() as lease:
                _taken(place, store, _archive(file, store, lease))
        with contextlib.suppress(NotRegistered), replacing(file) as stream:  # a collection may be first
            export_archive(store, _some(place, store), stream)


def give_cache(place: Place) -> None:
    """Add to the one cache that all processes share; whatever it says that it has is there, and whole."""
    cache = place.outside / "cache"
    with ObjectStore.open(place.root) as store:
        if (cache / "nix-cache-info").exists():
            _look(place, cache)
            with store.lease() as lease:
                _taken(place, store, import_cache(store, cache, lease=lease))
        with contextlib.suppress(NotRegistered):
            export_cache(store, _some(place, store), cache)


def _look(place: Place, cache: Path) -> None:
    said = CacheDirectory(cache)
    for info in said.narinfos():
        if not said.has_nar(info):
            place.complain(f"the cache says that it has {info.path}, and has it not")
        for reference in info.references:
            if said.narinfo(reference) is None:
                place.complain(f"the cache has {info.path} without {reference}")


def _archive(file: Path, store: ObjectStore, lease: Lease) -> Imported:
    with file.open("rb", buffering=0) as stream:
        return import_archive(store, stream, lease=lease)


def _taken(place: Place, store: ObjectStore, done: Imported) -> None:
    place.kept([*done.added, *done.roots])
    if done.roots and place.rng.random() < 0.6:
        place.root_it(store, place.rng.choice(done.roots))


def _some(place: Place, store: ObjectStore) -> list[StorePath]:
    there = [path for path in store.paths() if path.name != DAMAGED and os.path.lexists(store.on_disk(path))]
    return place.rng.sample(there, min(len(there), 4))


WORKLOADS: Final[dict[str, Callable[[Place], None]]] = {
    "import-archive": take_archive,
    "import-cache": take_cache,
    "export-archive": give_archive,
    "export-cache": give_cache,
}
