"""A small closure of every kind of object, and stores for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from hermetica_store import Candidate, ObjectStore
from hermetica_store.digest import MARKER

if TYPE_CHECKING:
    from pathlib import Path

    from hermetica_store import StorePath

SCRATCH = MARKER + "0" * 30


@attrs.frozen
class Closure:
    """What `fill` adds.

    Attributes:
        library: a tree with every kind of entry; it refers to nothing.
        app: refers to the library and to itself: in a file, in a name and in a link.
        note: a lone executable file that refers to the app.
        apart: a lone link that belongs to nothing.
    """

    library: StorePath
    app: StorePath
    note: StorePath
    apart: StorePath

    @property
    def paths(self) -> set[StorePath]:
        return {self.library, self.app, self.note}


def fill(store: ObjectStore) -> Closure:
    """Adds the closure, rooted so that nothing collects it."""
    with store.scratch() as scratch, store.lease() as lease:
        library = _tree(scratch.path / "library")
        (prepared,) = store.prepare([Candidate(tree=library, name="library-1.0")])
        store.publish([prepared], lease=lease)
        app = scratch.path / "app"
        (app / "lib").mkdir(parents=True)
        (app / "lib" / f"self-{SCRATCH}").write_text(f"#!{prepared.path}/bin/tool\nI am {SCRATCH}, twice: {SCRATCH}\n")
        (app / "me").symlink_to(f"/elsewhere/{SCRATCH}")
        (app / "library").symlink_to(f"{prepared.path}/bin/tool")
        candidate = Candidate(tree=app, name="app", scratch_digest=SCRATCH)
        (settled,) = store.prepare([candidate], [prepared.path])
        store.publish([settled], lease=lease)
        text = f"see {settled.path}\n".encode()
        note = store.add_bytes(text, "note", lease=lease, references=[settled.path], executable=True)
        link = scratch.path / "link"
        link.symlink_to("/usr/bin/env")
        (lone,) = store.prepare([Candidate(tree=link, name="apart")])
        store.publish([lone], lease=lease).wait()
        store.add_root("note", note)
        store.add_root("apart", lone.path)
    assert settled.path in settled.references
    return Closure(library=prepared.path, app=settled.path, note=note, apart=lone.path)


def _tree(tree: Path) -> Path:
    (tree / "bin").mkdir(parents=True)
    (tree / "bin" / "tool").write_text("#!/bin/sh\necho tool\n")
    (tree / "bin" / "tool").chmod(0o755)
    (tree / "empty").mkdir()
    (tree / "nothing").touch()
    (tree / "data").write_bytes(bytes(range(256)) * 600)
    (tree / "gr\u00fc\u00dfe").write_text("hello\n")
    (tree / "link").symlink_to("bin/tool")
    return tree


def whole(store: ObjectStore) -> set[StorePath]:
    """What a store holds, after making sure that it is whole and nothing else lies in it."""
    assert not store.verify().problems
    paths = set(store.paths())
    assert {entry.name for entry in (store.root / "store").iterdir()} == {path.base for path in paths}
    assert list((store.root / "tmp").iterdir()) == []
    return paths
