"""What people do with a store, each as one act that can be done again, with the proof that it was done."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Final

import attrs

import hermetica as hm
from hermetica_store import Candidate, NotRegistered, ObjectStore, Row, StorePath, Table
from hermetica_store.refusals import working_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_FORMER: Final = "state"
_PAYLOAD: Final = b"payload " * 20_000
_LOG_KEY: Final = "00ff"


@attrs.frozen(kw_only=True)
class Operation:
    """One thing to do.

    Attributes:
        name: of it.
        act: does it on a store, opened for it; where ``opens`` is set, the act is opening that store.
        proof: whether it was done, asked by a process that opened the store later.
        opens: whether the act itself opens and closes the store.
        sandbox: whether it needs bubblewrap.
    """

    name: str
    act: Callable[[ObjectStore], object]
    proof: Callable[[ObjectStore], bool]
    opens: bool = False
    sandbox: bool = False


def furnish(root: Path) -> None:
    """A store with a rooted closure, something dead, a log, and a kept build; and a source tree beside it."""
    source = root.parent / "source"
    (source / "bin").mkdir(parents=True)
    (source / "bin" / "tool").write_text("#!/bin/sh\n")
    (source / "bin" / "tool").chmod(0o755)
    (source / "data").write_bytes(_PAYLOAD)
    (source / "link").symlink_to("bin/tool")
    shutil.copytree(source, root.parent / "renewed", symlinks=True)
    with ObjectStore.open(root) as store, store.lease() as lease, store.scratch() as scratch:
        store.add_tree(root.parent / "renewed", _FORMER, lease=lease)
        (root.parent / "renewed" / "changed").write_bytes(b"since then")
        library = store.add_bytes(b"library", "library", lease=lease)
        text = f"app of {library}".encode()
        app = store.add_bytes(text, "app", lease=lease, references=[library])
        dead = store.add_bytes(f"dead user of {library}".encode(), "dead", lease=lease, references=[library])
        store.put([Row(Table.RECORDS, b"\x01", b"r"), Row(Table.TRACE, b"t", b"v", dead)]).wait()
        store.add_root("app", app)
        store.write_log("01", b"said")
        scratch.keep()


def named(store: ObjectStore, name: str) -> StorePath | None:
    """The object of that name."""
    return next((path for path in store.paths() if path.name == name), None)


def intact(store: ObjectStore) -> bool:
    """Whether what was there before any fault is there still."""
    library, app = named(store, "library"), named(store, "app")
    return (
        library is not None
        and app is not None
        and store.on_disk(library).read_bytes() == b"library"
        and store.on_disk(app).read_text() == f"app of {library}"
        and store.closure([app]) == tuple(sorted([library, app]))
        and ("app", app) in [(root.name, root.path) for root in store.roots()]
    )


def _add_bytes(store: ObjectStore) -> None:
    with store.lease() as lease:
        store.add_bytes(_PAYLOAD, "bytes", lease=lease)
        store.put([]).wait()


def _add_tree(store: ObjectStore) -> None:
    with store.lease() as lease:
        store.add_tree(store.root.parent / "source", "tree", lease=lease)
        store.put([]).wait()


def _renew_tree(store: ObjectStore) -> None:
    with store.lease() as lease:
        store.add_tree(store.root.parent / "renewed", _FORMER, lease=lease)
        store.put([]).wait()


def _renewed(store: ObjectStore) -> bool:
    states = [path for path in store.paths() if path.name == _FORMER]
    return any((store.on_disk(path) / "changed").exists() for path in states)


def _publish(store: ObjectStore) -> None:
    first, second = "hx" + "1" * 30, "hx" + "2" * 30
    with store.scratch() as scratch, store.lease() as lease:
        with working_in(store.root):  # what a builder would do
            (scratch.path / first).write_text("leaf")
            (scratch.path / second).mkdir()
            (scratch.path / second / "uses").write_text(f"/hermetica/store/{first}-a /hermetica/store/{second}-b")
        candidates = [
            Candidate(tree=scratch.path / digest, name=name, scratch_digest=digest, output=name)
            for digest, name in ((second, "b"), (first, "a"))
        ]
        rows = [Row(Table.TRACE, b"published", b"v")]
        store.publish(store.prepare(candidates), lease=lease, rows=rows).wait()


def _put(store: ObjectStore) -> None:
    store.put([Row(Table.ATTRIBUTES, b"%d" % number, os.urandom(3000)) for number in range(20)]).wait()


def _log(store: ObjectStore) -> None:
    store.write_log(_LOG_KEY, os.urandom(100_000))


def _root(store: ObjectStore) -> None:
    app = named(store, "app")
    if app is None:
        raise NotRegistered(StorePath.parse_base("hx" + "0" * 30 + "-app"))
    with store.lease() as lease:
        lease.hold([app])
        store.add_root("again", app)


def _delete(store: ObjectStore) -> None:
    if (dead := named(store, "dead")) is not None:
        store.delete([dead])


def _verify(store: ObjectStore) -> None:
    report = store.verify()
    kinds = {problem.kind for problem in report.problems}
    if kinds & {"unreadable"}:
        raise Unread(str(report.problems))
    if kinds - {"unregistered"}:
        raise AssertionError(str(report.problems))


class Unread(Exception):
    """A verification said itself that it could not read something: that is its typed answer."""


def _realize_text(store: ObjectStore) -> None:
    with hm.evaluation():
        hm.Store(store).realize(hm.text("written", "some text"))


def _realize_build(store: ObjectStore) -> None:
    from tests.behaviours.conftest import TOOLS

    with hm.evaluation():
        busybox = hm.source(TOOLS, name="busybox")
        script = "echo said; mkdir $out; echo built > $out/file"
        built = hm.derivation(name="built", builder=f"{busybox}/bin/sh", args=("-euc", script))
        hm.Store(store).realize(built)


def _opened(store: ObjectStore) -> bool:
    return intact(store)


OPERATIONS: Final = {
    operation.name: operation
    for operation in (
        Operation(name="open", act=lambda store: store.statistics(), proof=_opened, opens=True),
        Operation(name="add-bytes", act=_add_bytes, proof=lambda store: named(store, "bytes") is not None),
        Operation(name="add-tree", act=_add_tree, proof=lambda store: named(store, "tree") is not None),
        Operation(name="renew-tree", act=_renew_tree, proof=_renewed),
        Operation(
            name="publish",
            act=_publish,
            proof=lambda store: (
                {path.name for path in store.paths()} >= {"a", "b"} and store.get(Table.TRACE, b"published") == b"v"
            ),
        ),
        Operation(name="put", act=_put, proof=lambda store: len(list(store.items(Table.ATTRIBUTES))) == 20),
        Operation(name="log", act=_log, proof=lambda store: len(store.read_log(_LOG_KEY) or b"") == 100_000),
        Operation(name="root", act=_root, proof=lambda store: len(store.roots()) == 2),
        Operation(name="collect", act=lambda store: store.collect(), proof=lambda store: named(store, "dead") is None),
        Operation(name="delete", act=_delete, proof=lambda store: named(store, "dead") is None),
        Operation(name="verify", act=_verify, proof=_opened),
        Operation(name="realize-text", act=_realize_text, proof=lambda store: named(store, "written") is not None),
        Operation(
            name="realize-build",
            act=_realize_build,
            proof=lambda store: named(store, "built") is not None,
            sandbox=True,
        ),
    )
}
