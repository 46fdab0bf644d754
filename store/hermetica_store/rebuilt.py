"""Trees that were built again, made to look as what they are to be compared with.

A first build is named by its content. A second one takes the names of the first: every scratch digest in it becomes
the digest that the first one got, so the two trees are equal, byte by byte, exactly if the builds agree. Where they are
not, both are kept for whoever wants to know why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from hermetica_store.content import Content, tree_digest
from hermetica_store.ingest import ingest
from hermetica_store.move import move
from hermetica_store.refusals import working_in
from hermetica_store.relocate import relocate
from hermetica_store.remove import remove_tree
from hermetica_store.scan import Scanner

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from hermetica_store.digest import Digest
    from hermetica_store.path import StorePath
    from hermetica_store.prepare import Candidate
    from hermetica_store.scratch import Scratch


@attrs.frozen(kw_only=True)
class Rebuilt:
    """One output of a second build: canonical, under the name of the first.

    Attributes:
        output: of the candidate.
        path: of the object that it is compared with.
        tree: its true tree digest.
        tree_on_disk: where it lies.
        content: what is in it.
    """

    output: str
    path: StorePath
    tree: Digest
    tree_on_disk: Path
    content: Content = attrs.field(repr=False, eq=False)


def take_rebuilt(root: Path, candidates: Sequence[Candidate], paths: Mapping[str, StorePath]) -> tuple[Rebuilt, ...]:
    """Makes the trees of a second build canonical, in the order given; nothing is registered.

    Args:
        root: of the store that they lie in.
        candidates: the outputs of one derivation.
        paths: output -> the object that the first build made.

    Raises:
        StoreError: a tree cannot be an object, or the system refused.
    """
    final = {
        each.scratch_digest.encode(): paths[each.output].digest.encode()
        for each in candidates
        if each.scratch_digest is not None
    }
    with working_in(root):
        return tuple(_take(each, paths[each.output], final) for each in candidates)


def keep_trees(scratch: Scratch, trees: Mapping[str, Mapping[str, Path]]) -> Path:
    """Keeps a scratch directory with these trees, until a collection; of the rest only what begins with a dot stays.

    Args:
        scratch: the directory.
        trees: directory to make in it -> name -> a tree, of this or another scratch directory, which is moved there.

    Returns:
        Where it is now.

    Raises:
        OSError: the system refused.
    """
    before = scratch.path
    kept = scratch.keep()
    for directory, named in trees.items():
        (kept / f".{directory}").mkdir()
        for name, tree in named.items():
            place = kept / tree.relative_to(before) if tree.is_relative_to(before) else tree
            move(place, kept / f".{directory}" / name)
    for entry in list(kept.iterdir()):
        if not entry.name.startswith("."):
            remove_tree(entry)
    for directory in trees:
        (kept / f".{directory}").rename(kept / directory)
    return kept


def _take(candidate: Candidate, path: StorePath, final: Mapping[bytes, bytes]) -> Rebuilt:
    scanner = Scanner((), tracked=[digest.decode() for digest in final])
    content = ingest(candidate.tree, scanner, check_writers=candidate.check_writers)
    relocate(candidate.tree, content, final)
    return Rebuilt(
        output=candidate.output,
        path=path,
        tree=tree_digest(content),
        tree_on_disk=candidate.tree,
        content=content,
    )
