"""What the processes of a campaign do: everything that changes a store, each on its own and beside the others.

Contents come from small pools, so that processes add, hold and collect the same objects all the time. What a process
was told is durable it writes down; what it sees wrong it complains of.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final

import attrs

import hermetica as hm
from hermetica.fetch.lock import Group, Lock, Pin
from hermetica.realize.kept_records import KeptRecords
from hermetica.realize.trace import derivation_rows
from hermetica_store import Candidate, Digest, ObjectStore, Policy, Row, StorePath, Table, store_path
from hermetica_store.collect import InUse
from hermetica_store.faults import NotRegistered

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from tests.campaign.promises import Journal

SCRATCH_DIGEST: Final = "hx0123456789abcdfghijklmnpqrsvwx"
SECOND_DIGEST: Final = "hx0123456789abcdfghijklmnpqrsvwy"
_WATCH_S: Final = 0.02


@attrs.frozen(kw_only=True)
class Place:
    """Where a process works.

    Attributes:
        root: of the store.
        outside: for sources, links and the lock.
        journal: where it says what it was told.
        slot: tells it from the others; it changes only what bears this name.
        rng: its choices.
    """

    root: Path
    outside: Path
    journal: Journal
    slot: str
    rng: random.Random

    def complain(self, text: str) -> None:
        """Something is wrong."""
        self.journal.write("complaint", self.slot, text)

    def kept(self, paths: Iterable[StorePath]) -> None:
        """Objects were reported durable."""
        for path in paths:
            self.journal.did(f"object {path.base}", "there")

    def root_it(self, store: ObjectStore, path: StorePath) -> None:
        """Keep an object under one of a few names, in place of what was kept there."""
        name = f"{self.slot}-{self.rng.randrange(3)}"
        self.journal.will(f"root {name}", path.base)
        store.add_root(name, path)
        self.journal.did(f"root {name}", path.base)


def settle(store: ObjectStore) -> None:
    """Returns when everything submitted is durable."""
    store.put([]).wait()


def make_source(place: Place, variant: int) -> Path:
    """A small source tree, one of a few."""
    tree = place.outside / f"source-{place.slot}-{variant}"
    if not (tree / "done").exists():
        (tree / "sub" / "empty").mkdir(parents=True, exist_ok=True)
        (tree / "sub" / "data").write_bytes(bytes(range(256)) * (1 + 40 * variant))
        (tree / "tool").write_text(f"#!/bin/sh\necho {variant}\n")
        (tree / "tool").chmod(0o755)
        if not (tree / "link").is_symlink():
            (tree / "link").symlink_to("sub/data")
        (tree / "done").touch()
    return tree


def add_sources(place: Place) -> None:
    """Add trees by copy, some known by the stat cache; keep one."""
    with ObjectStore.open(place.root) as store, store.lease() as lease:
        for variant in place.rng.choices(range(4), k=2):
            path = store.add_tree(make_source(place, variant), f"source-{variant}", lease=lease)
            settle(store)
            place.kept([path])
            watch(place, store, [path])
            place.root_it(store, path)


def add_texts(place: Place) -> None:
    """Add a chain of files that mention each other, with a row; keep its end, sometimes."""
    with ObjectStore.open(place.root) as store, store.lease() as lease:
        made = [store.add_bytes(f"text {place.rng.randrange(5)}".encode(), "text", lease=lease)]
        for number in range(2):
            data = f"{number} needs {made[-1]}".encode()
            made.append(store.add_bytes(data, "chain", lease=lease, references=made, executable=bool(number)))
        settle(store)
        place.kept(made)
        if place.rng.random() < 0.6:
            place.root_it(store, made[-1])
            put_row(place, store, made[-1])


def rows(place: Place) -> None:
    """Put rows that belong to nothing, in a store that may be new."""
    with ObjectStore.open(place.root) as store:
        for _ in range(2):
            put_row(place, store, None)


def put_row(place: Place, store: ObjectStore, owner: StorePath | None) -> None:
    """Put one of a few rows."""
    row = Row(Table.ATTRIBUTES, f"{place.slot}-{place.rng.randrange(3)}".encode(), place.rng.randbytes(4), owner)
    key = f"row {row.key.hex()}"
    place.journal.write("forget", key)  # a collection may take what was there before
    store.put([row]).wait()
    place.journal.did(key, row.value.hex())


def lists(place: Place) -> None:
    """Keep derivations that name one of a few long lists of files, for an object or for nothing; read one of them."""
    variant = place.rng.randrange(3)
    files = tuple(f"package/{variant}/module_{number:04d}.py" for number in range(60))
    with hm.evaluation(), ObjectStore.open(place.root) as store, store.lease() as lease:
        source = hm.Source(path=store_path("listed", Digest.of(b"%d" % variant)), files=files)
        first, second = (hm.derivation(name=f"listed-{number}", builder=f"{source}/tool") for number in range(2))
        owner = store.add_bytes(f"made of {source}".encode(), "made", lease=lease)
        store.put([*derivation_rows([first], owner), *derivation_rows([second])]).wait()
        place.kept([owner])
        value = store.get(Table.DERIVATIONS, first.id.raw)
        if value is None or KeptRecords(store).read(value)["sources"][0]["files"] != files:
            place.complain(f"the derivation {first.id.hex} was kept with {len(files)} files and is not")


def rewrite(place: Place) -> None:
    """Publish two outputs that mention themselves and each other, so that digests are rewritten everywhere."""
    with ObjectStore.open(place.root) as store, store.lease() as lease, store.scratch() as room:
        variant = place.rng.randrange(4)
        main, second = room.path / f"{SCRATCH_DIGEST}-main", room.path / f"{SECOND_DIGEST}-second"
        (main / "lib").mkdir(parents=True)
        (main / "lib" / "self").write_text(f"{variant} /hermetica/store/{main.name}/lib" * 3)
        (main / "lib" / f"named-{SCRATCH_DIGEST}").write_bytes(b"\0" * 5000 + SCRATCH_DIGEST.encode())
        (main / "lib" / "link").symlink_to(f"/elsewhere/{main.name}/lib")
        second.write_text(f"of {main.name} and {second.name}")
        candidates = [
            Candidate(tree=main, name="main", scratch_digest=SCRATCH_DIGEST, output="out"),
            Candidate(tree=second, name="second", scratch_digest=SECOND_DIGEST, output="second"),
        ]
        prepared = store.prepare(candidates)
        store.publish(prepared, lease=lease).wait()
        paths = [each.path for each in prepared]
        place.kept(paths)
        watch(place, store, paths)
        if place.rng.random() < 0.6:
            place.root_it(store, paths[-1])


def collect(place: Place) -> None:
    """Collect, by one of several policies."""
    place.journal.write("collects")
    policy = place.rng.choice([Policy(), Policy(), Policy(max_bytes=100_000), Policy(keep_rows_s=3600)])
    with ObjectStore.open(place.root) as store:
        store.collect(policy)


def delete(place: Place) -> None:
    """Delete what nobody else has, and be refused where it is needed."""
    with ObjectStore.open(place.root) as store:
        with store.lease() as lease:
            below = store.add_bytes(f"{place.slot} {place.rng.random()}".encode(), "mine", lease=lease)
            above = store.add_bytes(str(below).encode(), "mine-too", lease=lease, references=[below])
            settle(store)
            place.kept([below, above])
            try:
                store.delete([below])
                place.complain(f"{below} was deleted, and is held and needed")
            except InUse:
                pass
        for path in (below, above):
            place.journal.will(f"object {path.base}", None)
        try:
            store.delete([above, below])
        except NotRegistered:  # a collection was first
            return
        except InUse as error:  # somebody holds it; our own lease has ended
            if any(str(os.getpid()) in why for why in error.why):
                raise
            return
        for path in (below, above):
            place.journal.did(f"object {path.base}", None)


def verify(place: Place) -> None:
    """Verify everything beside all the rest; only what crashes leave may be found."""
    with ObjectStore.open(place.root) as store:
        for problem in store.verify().problems:
            if problem.kind not in {"unregistered", "stranger"}:
                place.complain(f"verify says {problem.kind} {problem.path} {problem.file} {problem.detail}")


def roots(place: Place) -> None:
    """Set and drop roots, with and without a link."""
    with ObjectStore.open(place.root) as store, store.lease() as lease:
        path = store.add_bytes(f"rooted {place.rng.randrange(3)}".encode(), "rooted", lease=lease)
        settle(store)
        place.root_it(store, path)
        link = place.outside / f"link-{place.slot}"
        key = f"root {link.name}"
        place.journal.will(key, None)  # while the link is not there, a collection may drop the root
        place.journal.will(key, path.base)
        link.unlink(missing_ok=True)
        link.symlink_to(store.on_disk(path))
        store.add_root(link.name, path, link=link)
        place.journal.did(key, path.base)
        name = f"{place.slot}-{place.rng.randrange(3)}"
        place.journal.will(f"root {name}", None)
        store.remove_root(name)
        place.journal.did(f"root {name}", None)


def hold(place: Place) -> None:
    """Hold what is there, whoever made it, and watch that nobody takes it; its roots may be dropped meanwhile."""
    with ObjectStore.open(place.root) as store, store.lease() as lease:
        there = list(store.paths())
        wanted = place.rng.sample(there, min(len(there), 6))
        watch(place, store, lease.hold(wanted))


def watch(place: Place, store: ObjectStore, held: Iterable[StorePath]) -> None:
    """Look for a while whether what a lease holds stays."""
    held = list(held)
    until = time.monotonic() + _WATCH_S
    while True:
        for path in held:
            if not (store.has(path) and os.path.lexists(store.on_disk(path))):
                place.complain(f"{path} is held by a lease and is gone")
                return
        if time.monotonic() > until:
            return
        time.sleep(_WATCH_S / 4)


def lock(place: Place) -> None:
    """Pin something anew in the one lock that all processes share."""
    file = place.outside / "hermetica.lock"
    version = str(place.rng.randrange(1000))
    address = f"mirror://debian/pool/p_{version}.deb"
    pin = Pin(
        kind="debian",
        name="p",
        version=version,
        algorithm="sha256",
        hash="0" * 64,
        size_bytes=1,
        addresses=(address,),
    )
    place.journal.will(f"pin {place.slot}", version)
    Lock.update(file, Group(name=place.slot, pins=(pin,)))
    place.journal.did(f"pin {place.slot}", version)


def outside_facts(outside: Path) -> dict[str, str]:
    """What is there beside the store, by the keys of promises; a lock that is half written is an error."""
    file = outside / "hermetica.lock"
    found = {f"pin {group.name}": group.pins[0].version for group in Lock.read(file).groups} if file.exists() else {}
    return found | {f"export {path.stem}": "there" for path in (outside / "cache").glob("*.narinfo")}


WORKLOADS: Final[dict[str, Callable[[Place], None]]] = {
    "add-sources": add_sources,
    "add-texts": add_texts,
    "lists": lists,
    "rewrite": rewrite,
    "collect": collect,
    "delete": delete,
    "rows": rows,
    "verify": verify,
    "roots": roots,
    "hold": hold,
    "lock": lock,
}
