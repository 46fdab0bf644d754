"""More workloads: archives and caches, repair of damage, and a store of an earlier schema."""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import TYPE_CHECKING, Final

from hermetica_store import ObjectStore
from hermetica_store.exchange import (
    IncompleteClosure,
    export_archive,
    export_cache,
    import_archive,
    import_cache,
    replacing,
)
from hermetica_store.faults import NotRegistered
from hermetica_store.remove import remove_tree
from tests.campaign.workloads import make_source, settle, watch
from tests.store.fixtures.make import unpack

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hermetica_store import StorePath
    from tests.campaign.workloads import Place

DAMAGED: Final = "to-be-damaged"
_OLD: Final = "schema-1"


def export(place: Place) -> None:
    """Write some object with its closure to an archive and to the cache that all processes share."""
    with ObjectStore.open(place.root) as store:
        there = [path for path in store.paths() if path.name != DAMAGED]
        if not there:
            return
        wanted = [place.rng.choice(there)]
        archive = place.outside / f"archive-{place.rng.randrange(2)}"
        with contextlib.suppress(NotRegistered):  # collected before it was held
            with replacing(archive) as sink:
                export_archive(store, wanted, sink, level=1)
            exported = export_cache(store, wanted, place.outside / "cache", level=1)
            for path in exported.paths:
                place.journal.did(f"export {path.digest}", "there")


def take_in(place: Place) -> None:
    """Read an archive, or the whole cache; what was written is never half there."""
    archive = place.outside / f"archive-{place.rng.randrange(2)}"
    with ObjectStore.open(place.root) as store, store.lease() as lease:
        added: tuple[StorePath, ...] = ()
        if place.rng.random() < 0.5 and (place.outside / "cache" / "nix-cache-info").exists():
            added = import_cache(store, place.outside / "cache", lease=lease).added
        elif archive.exists():
            with archive.open("rb") as stream:
                added = import_archive(store, stream, lease=lease).added
        settle(store)
        place.kept(added)
        watch(place, store, added)


def take_all(place: Place) -> None:
    """Read every archive and the cache after power was lost: each is whole or not there; a cache may lack objects."""
    with ObjectStore.open(place.root) as store, store.lease() as lease:
        for archive in place.outside.glob("archive-*"):
            with archive.open("rb") as stream:
                import_archive(store, stream, lease=lease)
        if (place.outside / "cache" / "nix-cache-info").exists():
            with contextlib.suppress(IncompleteClosure):  # the export was not over
                import_cache(store, place.outside / "cache", lease=lease)


def repair(place: Place) -> None:
    """Damage a file of which the object has another copy, and repair it."""
    with ObjectStore.open(place.root) as store, store.lease() as lease:
        tree = make_source(place, 9)
        if not (tree / "copy").exists():
            shutil.copy(tree / "sub" / "data", tree / "copy")
        (tree / "whose").write_text(place.slot)
        path = store.add_tree(tree, DAMAGED, lease=lease)
        settle(store)
        place.journal.write("damages", path.base)
        damage(store.on_disk(path) / "copy")
        report = store.repair([path])
        if report.unrepaired or not report.repaired:
            place.complain(f"repair says {report}")
        place.journal.write("repaired", path.base)
        store.purge_quarantine()


def damage(file: Path) -> None:
    """Flip a byte, and leave size, mode and time as they were."""
    status = file.stat()
    file.chmod(0o644)
    with file.open("r+b") as opened:
        opened.seek(100)
        opened.write(b"?")
    file.chmod(status.st_mode & 0o7777)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def mend(root: Path, bases: list[str]) -> None:
    """What a user does about damage that was there when the process died."""
    with ObjectStore.open(root) as store:
        damaged = [path for path in store.paths() if path.base in bases]
        report = store.repair(damaged)
        if report.unrepaired:
            raise AssertionError(f"not repaired: {report.unrepaired}")
        store.repair()
        store.purge_quarantine()


def migrate(place: Place) -> None:
    """Open a store of an earlier schema, which brings it to ours."""
    old = place.outside / f"old-{place.slot}"
    if not old.exists():
        fresh = old.with_name(f"unpacked-{place.slot}")
        remove_tree(fresh)
        unpack(_OLD, fresh)
        fresh.rename(old)
    with ObjectStore.open(old) as store:
        problems = [each for each in store.verify().problems if each.kind != "unregistered"]
        if problems:
            place.complain(f"after migration verify says {problems}")


WORKLOADS: Final[dict[str, Callable[[Place], None]]] = {
    "export": export,
    "import": take_in,
    "repair": repair,
    "migrate": migrate,
}
